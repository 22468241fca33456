"""What users ask of the cluster, turned into changes or refused with a reason. Each function is one call of the API."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.changes import Change, ForgetNode, PutNode, PutTask
from cube.core.cluster import Cluster
from cube.core.effects import Accepted, Answer, Rejected
from cube.core.inputs import Apply, RemoveNode, Restart, Scale, SetAvailability, Stop, Submit
from cube.model.event import EventKind
from cube.model.node import Availability, Condition
from cube.model.spec import TaskSpec
from cube.model.task import Goal, Task
from cube.model.timing import Instant

Outcome = tuple[Answer, list[Change]]
Wish = Submit | Apply | Stop | Scale | Restart | SetAvailability


def take(cluster: Cluster, wish: Wish, now: Instant) -> Outcome:
    """Return the answer to a wish and the changes it means; no changes where it is refused."""
    match wish:
        case Submit():
            return submit(cluster, wish, now)
        case Apply():
            return apply(cluster, wish, now)
        case Stop():
            return stop(cluster, wish, now)
        case Scale():
            return scale(cluster, wish, now)
        case Restart():
            return restart(cluster, wish, now)
        case SetAvailability():
            return set_availability(cluster, wish, now)


def submit(cluster: Cluster, wish: Submit, now: Instant) -> Outcome:
    """Create a task, or start a stopped one again. The same id and spec again changes nothing."""
    holder = cluster.named(wish.spec.name)
    if holder and holder.goal is Goal.RUN and holder.id != wish.task_id:
        return _taken(wish.spec.name, holder), []
    present = cluster.tasks.get(wish.task_id)
    if present is None:
        return _created(wish, now)
    if present.goal is Goal.STOP:
        return _revised(
            present, wish.spec, now, template=True, kind=EventKind.TASK_CREATED, created=True
        )
    if present.spec == wish.spec:
        return Accepted(present, created=False, changed=False), []
    return Rejected(
        "conflict",
        f"task {present.id} exists already, as {present.name}, with another spec",
        f"to change it: cube apply FILE (PUT /task/{present.name}); to run a second one: leave out the id",
    ), []


def apply(cluster: Cluster, wish: Apply, now: Instant) -> Outcome:
    """Make the task of that name be as the spec says, creating it when there is none to run."""
    present = cluster.named(wish.spec.name)
    if present is None or present.goal is Goal.STOP:
        if wish.if_revision:
            return Rejected(
                "conflict",
                f"there is no running task {wish.spec.name} at revision {wish.if_revision}",
            ), []
        return _created(Submit(wish.task_id, wish.spec), now)
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    if present.spec == wish.spec:
        return Accepted(present, created=False, changed=False), []
    template = present.spec.template != wish.spec.template
    return _revised(present, wish.spec, now, template=template)


def stop(cluster: Cluster, wish: Stop, now: Instant) -> Outcome:
    """Stop a task. Stopping what is stopped is success."""
    present = cluster.tasks.get(wish.task_id)
    if present is None:
        return _no_task(wish.task_id), []
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    if present.goal is Goal.STOP:
        return Accepted(present, created=False, changed=False), []
    task = replace(present, goal=Goal.STOP, revision=present.revision + 1, changed_ms=now.wall_ms)
    return Accepted(task, created=False, changed=True), [
        PutTask(task, EventKind.TASK_STOPPED, wish.why)
    ]


def scale(cluster: Cluster, wish: Scale, now: Instant) -> Outcome:
    """Change the number of replicas."""
    present = cluster.tasks.get(wish.task_id)
    if present is None or present.goal is Goal.STOP:
        return _no_task(wish.task_id), []
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    if present.spec.replicas == wish.replicas:
        return Accepted(present, created=False, changed=False), []
    spec = replace(present.spec, replicas=wish.replicas)
    words = f"scaled from {present.spec.replicas} to {wish.replicas}"
    return _revised(present, spec, now, template=False, words=words)


def restart(cluster: Cluster, wish: Restart, now: Instant) -> Outcome:
    """Replace the task's containers one after the other, with the same spec."""
    present = cluster.tasks.get(wish.task_id)
    if present is None or present.goal is Goal.STOP:
        return _no_task(wish.task_id), []
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    return _revised(present, present.spec, now, template=True, words="restarted by the user")


def set_availability(cluster: Cluster, wish: SetAvailability, now: Instant) -> Outcome:
    """Cordon, drain or reopen a node."""
    node = cluster.nodes.get(wish.node_id)
    if node is None:
        return Rejected("not_found", f"there is no node {wish.node_id}"), []
    if node.availability is wish.availability:
        return None, []
    node = replace(node, availability=wish.availability, changed_ms=now.wall_ms)
    return None, [PutNode(node, EventKind.NODE_CHANGED, _AVAILABILITY_WORDS[wish.availability])]


def remove_node(cluster: Cluster, wish: RemoveNode, connected: bool) -> Outcome:
    """Forget a node. Refused while it is connected and holds work; what a lost one held is given up."""
    node = cluster.nodes.get(wish.node_id)
    if node is None:
        return Rejected("not_found", f"there is no node {wish.node_id}"), []
    if connected:
        return Rejected(
            "conflict",
            f"node {node.name} is connected",
            f"empty it with: cube node drain {node.name}; then stop its worker",
        ), []
    if node.condition is not Condition.LOST and cluster.on_node(node.id):
        return Rejected(
            "conflict",
            f"node {node.name} has been silent for too short a time to be given up",
            "try again in some seconds",
        ), []
    return None, [ForgetNode(node.id)]


_AVAILABILITY_WORDS = {
    Availability.ACTIVE: "open for work",
    Availability.CORDONED: "cordoned: keeps what it has, gets nothing new",
    Availability.DRAINING: "draining: what it has moves away",
}


def _created(wish: Submit, now: Instant) -> Outcome:
    task = Task(id=wish.task_id, spec=wish.spec, created_ms=now.wall_ms, changed_ms=now.wall_ms)
    return Accepted(task, created=True, changed=True), [PutTask(task, EventKind.TASK_CREATED)]


def _revised(
    present: Task,
    spec: TaskSpec,
    now: Instant,
    *,
    template: bool,
    kind: EventKind = EventKind.TASK_CHANGED,
    created: bool = False,
    words: str = "",
) -> Outcome:
    revision = present.revision + 1
    task = replace(
        present,
        spec=spec,
        goal=Goal.RUN,
        revision=revision,
        template_revision=revision if template else present.template_revision,
        changed_ms=now.wall_ms,
    )
    return Accepted(task, created=created, changed=True), [
        PutTask(task, kind, words or f"revision {revision}")
    ]


def _taken(name: str, holder: Task) -> Rejected:
    return Rejected(
        "conflict",
        f"the name {name} is taken by task {holder.id}",
        f"to change that one: cube apply FILE; to end it: cube stop {name}; or choose another name",
    )


def _no_task(task_id: str) -> Rejected:
    return Rejected("not_found", f"there is no running task {task_id}", "see: cube status -a")


def _moved_on(task: Task, if_revision: int | None) -> Rejected | None:
    """Return the refusal of a wish that was made for another revision of the task."""
    if if_revision is None or if_revision == task.revision:
        return None
    return Rejected(
        "conflict",
        f"task {task.name} is at revision {task.revision}, not {if_revision}",
        f"look at it again: cube status {task.name}",
    )
