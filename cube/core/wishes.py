"""What users ask of the cluster, turned into changes or refused with a reason. Each function is one call of the API."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.changes import Change, ForgetNode, PutNode, PutTask
from cube.core.cluster import Cluster
from cube.core.effects import Accepted, Answer, Rejected
from cube.core.inputs import (
    Apply,
    RemoveNode,
    Restart,
    Rollback,
    Scale,
    SetAvailability,
    Stop,
    Submit,
)
from cube.core.reconcile.needs import home_of
from cube.core.words import listed, seconds
from cube.model.event import EventKind
from cube.model.ids import NodeId, slot_name
from cube.model.node import Availability, Condition, Drain, Node
from cube.model.spec import TaskSpec
from cube.model.task import Former, Goal, Task
from cube.model.timing import Instant

Outcome = tuple[Answer, list[Change]]
Wish = Submit | Apply | Stop | Scale | Restart | Rollback | SetAvailability


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
        case Rollback():
            return rollback(cluster, wish, now)
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
    former = Former(present.revision, present.spec)
    return _revised(replace(present, former=former), wish.spec, now, template=template)


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
    if (
        former := present.former
    ):  # a rollback must not undo it: it may be the load of now that asks for it
        former = replace(former, spec=replace(former.spec, replicas=wish.replicas))
    return _revised(replace(present, former=former), spec, now, template=False, words=words)


def restart(cluster: Cluster, wish: Restart, now: Instant) -> Outcome:
    """Replace the task's containers one after the other, with the same spec."""
    present = cluster.tasks.get(wish.task_id)
    if present is None or present.goal is Goal.STOP:
        return _no_task(wish.task_id), []
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    return _revised(present, present.spec, now, template=True, words="restarted by the user")


def rollback(cluster: Cluster, wish: Rollback, now: Instant) -> Outcome:
    """Go back to the spec before the last one, as a new revision. Twice leads back to where it began."""
    present = cluster.tasks.get(wish.task_id)
    if present is None or present.goal is Goal.STOP:
        return _no_task(wish.task_id), []
    if moved := _moved_on(present, wish.if_revision):
        return moved, []
    former = present.former
    if former is None:
        return Rejected(
            "conflict",
            f"task {present.name} has no revision to go back to: its spec was never changed",
            f"to change it: cube apply FILE; to replace its containers: cube restart {present.name}",
        ), []
    template = present.spec.template != former.spec.template
    undone = replace(present, former=Former(present.revision, present.spec))
    words = f"rolled back to revision {former.revision}"
    return _revised(undone, former.spec, now, template=template, words=words)


def set_availability(cluster: Cluster, wish: SetAvailability, now: Instant) -> Outcome:
    """Cordon, drain or reopen a node."""
    node = cluster.nodes.get(wish.node_id)
    if node is None:
        return Rejected("not_found", f"there is no node {wish.node_id}"), []
    drain = _drain(node, wish, now)
    if node.availability is wish.availability and node.drain == drain:
        return None, []
    node = replace(node, availability=wish.availability, drain=drain, changed_ms=now.wall_ms)
    words = _AVAILABILITY_WORDS[wish.availability]
    if drain is not None and drain.patience is not None:
        words += f"; what is left is stopped after {seconds(round(drain.patience * 1000))}"
    return None, [PutNode(node, EventKind.NODE_CHANGED, words)]


def _drain(node: Node, wish: SetAvailability, now: Instant) -> Drain | None:
    """Return the record of the drain; another patience for one that goes on counts from now."""
    if wish.availability is not Availability.DRAINING:
        return None
    if node.availability is Availability.DRAINING and node.drain and wish.patience is None:
        return node.drain
    deadline = None if wish.patience is None else now.wall_ms + round(wish.patience * 1000)
    return Drain(began_ms=now.wall_ms, deadline_ms=deadline)


def remove_node(cluster: Cluster, wish: RemoveNode, connected: bool) -> Outcome:
    """Forget a node. What it held is given up; volumes that slots come back for, only by force."""
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
    waiting = [] if wish.force else _at_home_on(cluster, node.id)
    if waiting:
        return Rejected(
            "conflict",
            f"node {node.name} has the volumes of {listed(waiting)}, which would start without their data elsewhere",
            f"bring it back, or give the data up: cube node rm --force {node.name}",
        ), []
    return None, [ForgetNode(node.id)]


def _at_home_on(cluster: Cluster, node_id: NodeId) -> list[str]:
    """Return the names of the slots that wait for that node and no other."""
    found: list[str] = []
    for task in cluster.tasks.values():
        if task.goal is Goal.STOP or not task.spec.pinning:
            continue
        for number, slot in sorted(cluster.slots(task.id).items()):
            home = home_of(cluster, task, slot) if number <= task.wanted_slots else None
            if home is not None and home.node_id == node_id:
                found.append(slot_name(task.name, number))
    return found


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
