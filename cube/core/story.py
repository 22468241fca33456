"""What people read about a change: the TaskEvent that goes into the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from cube.core.changes import (
    Adopt,
    Announce,
    Assign,
    Change,
    PutLineage,
    PutNode,
    PutTask,
    Record,
    Unassign,
    Wait,
    WriteOff,
)
from cube.core.words import listed, plural, seconds
from cube.model.allocation import Allocation, Health, Observed, Phase
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import slot_name
from cube.model.task import Task

if TYPE_CHECKING:  # the story is told of a cluster and by it
    from cube.core.cluster import Cluster


def tell(change: Change, cluster: Cluster, wall_ms: int) -> TaskEvent | None:
    """Return the event of a change that was just applied, of the next revision; None where there is nothing to tell."""
    match change:
        case Assign(allocation=allocation, why=why):  # the two that a cluster is full of come first
            words = awaited_words(allocation, cluster) or why
            return _of(allocation, EventKind.ALLOCATION_ASSIGNED, cluster, wall_ms, words)
        case Record(allocation=allocation, before=before):
            return _seen(allocation, before, cluster, wall_ms)
        case _:
            event = _event_of(change, cluster, wall_ms)
            return replace(event, revision=cluster.revision + 1, at_ms=wall_ms) if event else None


def _event_of(change: Change, cluster: Cluster, wall_ms: int) -> TaskEvent | None:
    match change:
        case PutTask(task=task, kind=kind, message=message):
            return _of_task(task, kind, message)
        case Adopt(allocation=allocation):
            words = f"found at revision {allocation.revision}, which the ledger had lost"
            return _of(allocation, EventKind.ALLOCATION_ADOPTED, cluster, wall_ms, words)
        case PutLineage(kind=kind, message=message):
            return TaskEvent(revision=0, at_ms=0, kind=kind, message=message)
        case Unassign(allocation_id=allocation_id, why=why):
            allocation = cluster.allocations[allocation_id]
            return _of(allocation, EventKind.ALLOCATION_STOPPING, cluster, wall_ms, why)
        case WriteOff(allocation_id=allocation_id, why=why):
            allocation = cluster.allocations[allocation_id]
            return _of(allocation, EventKind.ALLOCATION_LOST, cluster, wall_ms, why)
        case Wait(task_id=task_id, slots=slots, why=why, codes=codes, told=True):
            many = "" if len(slots) == 1 else f"{plural(len(slots), 'slot')}: "
            return _of_task(
                cluster.tasks[task_id],
                EventKind.SLOT_WAITING,
                many + why,
                slot=slots[0],
                code=",".join(codes),
            )
        case PutNode(node=node, kind=EventKind() as kind, message=message):
            return TaskEvent(
                revision=0, at_ms=0, kind=kind, node_id=node.id, node=node.name, message=message
            )
        case Announce(kind=kind, message=message, task_id=None, code=code):
            return TaskEvent(revision=0, at_ms=0, kind=kind, message=message, code=code)
        case Announce(kind=kind, message=message, task_id=str() as task_id, code=code):
            return _of_task(cluster.tasks[task_id], kind, message, code=code)
        case _:
            return None


def _of_task(
    task: Task, kind: EventKind, message: str, *, slot: int = 0, code: str = ""
) -> TaskEvent:
    return TaskEvent(
        revision=0,
        at_ms=0,
        kind=kind,
        task_id=task.id,
        task=task.name,
        slot=slot,
        message=message,
        code=code,
    )


def _of(
    allocation: Allocation,
    kind: EventKind,
    cluster: Cluster,
    wall_ms: int,
    message: str = "",
    code: str = "",
) -> TaskEvent:
    node = cluster.nodes.get(allocation.node_id)
    return TaskEvent(
        revision=cluster.revision + 1,
        at_ms=wall_ms,
        kind=kind,
        task_id=allocation.task_id,
        task=cluster.tasks[allocation.task_id].name,
        slot=allocation.slot,
        generation=allocation.generation,
        node_id=allocation.node_id,
        node=node.name if node else "",
        message=message,
        code=code,
    )


def _seen(
    allocation: Allocation, before: Observed, cluster: Cluster, wall_ms: int
) -> TaskEvent | None:
    """The event of an observation: one for each phase people can see, change of health, and pull or stop
    that fails."""
    seen = allocation.observed
    kind = _KINDS.get(seen.phase)
    if seen.phase is Phase.STOPPING and _code(seen) not in ("", _code(before)):
        return _of(
            allocation, EventKind.ALLOCATION_STOPPING, cluster, wall_ms, seen.message, _code(seen)
        )
    if seen.restart == before.restart and seen.phase is before.phase:
        if seen.phase is Phase.RUNNING and seen.health is not before.health:
            health = seen.health.value
            words = health_words(seen)
            return _of(allocation, EventKind.ALLOCATION_HEALTH, cluster, wall_ms, words, health)
        if seen.paused is not before.paused:
            words, code = (seen.message, "paused") if seen.paused else ("goes on", "resumed")
            return _of(allocation, EventKind.ALLOCATION_HEALTH, cluster, wall_ms, words, code)
        if seen.phase is not Phase.PULLING or _code(seen) in ("", _code(before)):
            return None
    if kind is None:
        return None
    return _of(allocation, kind, cluster, wall_ms, _phase_words(seen), _code(seen))


_KINDS = {
    Phase.PULLING: EventKind.ALLOCATION_PULLING,
    Phase.RUNNING: EventKind.ALLOCATION_RUNNING,
    Phase.EXITED: EventKind.ALLOCATION_EXITED,
    Phase.COMPLETED: EventKind.ALLOCATION_COMPLETED,
    Phase.FAILED: EventKind.ALLOCATION_FAILED,
    Phase.REMOVED: EventKind.ALLOCATION_REMOVED,
}


def _code(seen: Observed) -> str:
    return seen.failure.kind.value if seen.failure and seen.phase is not Phase.RUNNING else ""


def _phase_words(seen: Observed) -> str:
    match seen.phase:
        case Phase.PULLING:
            return seen.message
        case Phase.RUNNING:
            return _running_words(seen)
        case Phase.EXITED:
            return (
                f"{how_it_ended(seen)}; restart {seen.restart + 1} in {seconds(seen.retry_in_ms)}"
            )
        case _:
            return how_it_ended(seen)


def awaited_words(allocation: Allocation, cluster: Cluster) -> str:
    """Return for whose room it waits: `waits for the room of db.1, web.2 and 3 more`; empty when it waits for none."""
    awaited = cluster.awaited(allocation)
    if not awaited:
        return ""
    names = [slot_name(cluster.tasks[one.task_id].name, one.slot) for one in awaited]
    return f"waits for the room of {listed(names)}"


def health_words(seen: Observed) -> str:
    """Return what the probes say: `healthy`, or the worker's own sentence for what is wrong."""
    if seen.health is Health.HEALTHY or not seen.message:
        return seen.health.value
    return seen.message if seen.health is Health.UNHEALTHY else f"{seen.health}: {seen.message}"


def _running_words(seen: Observed) -> str:
    words = [f"restart {seen.restart}"] if seen.restart else []
    if seen.timings:
        steps = seen.timings
        named = (("pull", steps.pull_ms), ("create", steps.create_ms), ("start", steps.start_ms))
        words += [f"{name} {seconds(length)}" for name, length in named if length]
    if seen.health is not Health.NONE:
        words.append(f"health {seen.health.value}")
    return ", ".join(words)


def how_it_ended(seen: Observed) -> str:
    """Return why a run ended or could not start, in one phrase: `exit 137 (out of memory)`."""
    if seen.phase is Phase.FAILED and seen.message:  # the end, and why it was the last one
        return seen.message
    if seen.failure and seen.exit:
        return f"{seen.failure.message} ({seen.exit.describe()})"
    if seen.failure:
        return seen.failure.message
    return seen.exit.describe() if seen.exit else ""
