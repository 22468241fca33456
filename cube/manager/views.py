"""What the API shows, made of what the cluster is. Pure: the same state and time give the same view."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from operator import attrgetter

import msgspec

from cube.core.cluster import Cluster
from cube.core.drains import Leaver, leavers
from cube.core.moves import Move
from cube.core.roster import Slot
from cube.core.summary import describe, summarise, waiting_words
from cube.manager.doors import Core
from cube.model.allocation import Allocation
from cube.model.event import TaskEvent
from cube.model.ids import slot_name
from cube.model.node import Node
from cube.model.task import Task
from cube.model.timing import Instant
from cube.wire.placement_views import MoveView
from cube.wire.views import (
    AllocationView,
    DrainView,
    EventView,
    ExitView,
    LeaverView,
    NodeView,
    SlotView,
    TaskDetail,
    TaskView,
)


def task_view(
    task: Task, cluster: Cluster, now_ms: int, slots: Iterable[Slot] | None = None
) -> TaskView:
    """Return the task with its derived state and its slots in order, or only with those given."""
    summary = summarise(task, cluster, now_ms)
    allocations: list[AllocationView] = []
    waiting: list[SlotView] = []
    shown_slots = cluster.slots(task.id).values() if slots is None else slots
    for slot in sorted(shown_slots, key=attrgetter("number")):
        number = slot.number
        shown = [one for one in slot.every if one is slot.latest or not one.gone]
        allocations += [allocation_view(one, task, cluster, now_ms) for one in shown]
        if words := waiting_words(slot):
            waiting.append(SlotView(name=slot_name(task.name, number), slot=number, reason=words))
    return TaskView(
        id=task.id,
        name=task.name,
        state=summary.state,
        reason=summary.reason,
        goal=task.goal,
        revision=task.revision,
        replicas=task.spec.replicas,
        ready=summary.ready,
        restarts=summary.restarts,
        image=task.spec.image,
        created_at=moment(task.created_ms),
        changed_at=moment(task.changed_ms),
        spec=task.spec,
        allocations=tuple(allocations),
        waiting=tuple(waiting),
    )


def task_detail(view: TaskView, events: list[TaskEvent]) -> TaskDetail:
    """Return the view with its recent events."""
    shown = tuple(event_view(event) for event in events)
    return TaskDetail(**msgspec.structs.asdict(view), events=shown)


def allocation_view(
    allocation: Allocation, task: Task, cluster: Cluster, now_ms: int
) -> AllocationView:
    """Return one stay of a slot. A node that was forgotten since is shown by its id."""
    seen = allocation.observed
    node = cluster.nodes.get(allocation.node_id)
    return AllocationView(
        id=allocation.id,
        task_id=task.id,
        name=slot_name(task.name, allocation.slot),
        slot=allocation.slot,
        generation=allocation.generation,
        node_id=allocation.node_id,
        node=node.name if node else allocation.node_id,
        phase="lost" if allocation.lost and not allocation.gone else seen.phase.name.lower(),
        wanted=allocation.wanted.value,
        reason=describe(allocation, cluster, now_ms),
        health=seen.health,
        ready=allocation.ready,
        restarts=seen.restart,
        container_id=seen.container_id or None,
        address=seen.address or None,
        ports=seen.ports,
        exit=_exit_view(allocation),
        failure=seen.failure,
        timings=seen.timings,
        assigned_at=_moment_or_none(allocation.assigned_ms),
        started_at=_moment_or_none(seen.started_ms),
        observed_at=_moment_or_none(seen.at_ms),
    )


def node_view(node: Node, core: Core, now: Instant) -> NodeView:
    """Return the machine with what is reserved on it and what it uses."""
    heard = core.heard(node.id)
    facts = node.facts
    return NodeView(
        id=node.id,
        name=node.name,
        address=facts.address,
        condition=node.condition,
        availability=node.availability,
        connected=core.connected(node.id),
        runtime=facts.runtime,
        runtime_error=node.runtime_error,
        quarantine=node.quarantine,
        engine_version=facts.engine_version,
        cube_version=facts.cube_version,
        platform=facts.platform,
        labels=facts.labels,
        capacity=facts.capacity,
        reserved=core.cluster.reserved(node.id),
        extras=facts.extras,
        extras_reserved_millis=core.cluster.extras_reserved(node.id),
        usage=core.usage(node.id),
        allocations=len(core.cluster.on_node(node.id)),
        heard_ms_ago=None if heard is None else round((now.monotonic - heard) * 1000),
        joined_at=moment(node.joined_ms),
    )


def drain_view(node: Node, cluster: Cluster, now: Instant) -> DrainView:
    """Return how far the draining of the node has come; nothing is left of one that is not draining."""
    drain = node.drain
    return DrainView(
        node_id=node.id,
        node=node.name,
        availability=node.availability,
        began_at=_moment_or_none(drain.began_ms) if drain else None,
        deadline_at=_moment_or_none(drain.deadline_ms or 0) if drain else None,
        ended_at=_moment_or_none(drain.ended_ms or 0) if drain else None,
        left=tuple(_leaver_view(one, cluster, now) for one in leavers(cluster, node.id, now))
        if drain
        else (),
    )


def _leaver_view(leaver: Leaver, cluster: Cluster, now: Instant) -> LeaverView:
    one = leaver.allocation
    task = cluster.tasks[one.task_id]
    relief = leaver.relief
    return LeaverView(
        name=slot_name(task.name, one.slot),
        task_id=task.id,
        allocation_id=one.id,
        step=leaver.step.value,
        reason=leaver.reason,
        hint=leaver.hint,
        relief=allocation_view(relief, task, cluster, now.wall_ms) if relief else None,
    )


def move_view(move: Move, cluster: Cluster) -> MoveView:
    """Return the move by the names of what it moves and where."""
    return MoveView(
        name=slot_name(cluster.tasks[move.task_id].name, move.slot),
        task_id=move.task_id,
        slot=move.slot,
        origin=cluster.nodes[move.origin].name,
        target=cluster.nodes[move.target].name,
        code=move.code,
        gain=move.gain,
        reason=move.reason,
    )


def event_view(event: TaskEvent) -> EventView:
    """Return the event; what it is not about is None."""
    return EventView(
        revision=event.revision,
        at=moment(event.at_ms),
        kind=event.kind,
        message=event.message,
        code=event.code,
        task_id=event.task_id,
        task=event.task or None,
        slot=event.slot or None,
        generation=event.generation or None,
        node_id=event.node_id,
        node=event.node or None,
    )


def moment(wall_ms: int) -> datetime:
    """Return the time in UTC."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC)


def _moment_or_none(wall_ms: int) -> datetime | None:
    return moment(wall_ms) if wall_ms else None


def _exit_view(allocation: Allocation) -> ExitView | None:
    if (ended := allocation.observed.exit) is None:
        return None
    return ExitView(code=ended.code, signal=ended.signal, out_of_memory=ended.out_of_memory)
