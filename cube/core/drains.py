"""Draining nodes as wholes: when deadlines pass, and when a node is empty. `reconcile.draining` says what moves."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from cube.core.changes import Change, PutNode
from cube.core.cluster import Cluster
from cube.core.reconcile.needs import demand_for, home_of
from cube.core.reconcile.relief import may_be_relieved
from cube.core.scheduler.place import why_not
from cube.model.allocation import Allocation
from cube.model.event import EventKind
from cube.model.ids import NodeId, TaskId
from cube.model.node import Drain
from cube.model.task import Goal, Task
from cube.model.timing import Instant

LOOKS_AT_MOST = 20  # refusals that are worded: each looks at every node


class Deadlines:
    """The deadlines of drains on the clock that only goes forward.

    On record they stand by the wall clock, because they outlive the process. That is read once for each drain, and no
    more than its patience is left then: a clock that is set meanwhile neither hastens nor delays it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._due: dict[NodeId, tuple[Drain, float]] = {}
        self._told: set[NodeId] = set()

    def ahead(self, now: Instant) -> list[float]:
        """Return the monotonic seconds at which deadlines are still to pass."""
        return [due for due in self._all(now).values() if due > now.monotonic]

    def expired(self, now: Instant) -> frozenset[NodeId]:
        """Return the draining nodes whose deadline has passed."""
        dues = self._all(now)
        return frozenset(one for one, due in dues.items() if due <= now.monotonic)

    def passed(self, now: Instant) -> list[NodeId]:
        """Return the expired nodes that were not returned before."""
        expired = self.expired(now)
        news = sorted(expired - self._told)
        self._told = set(expired)
        return news

    def _all(self, now: Instant) -> dict[NodeId, float]:
        known, self._due = self._due, {}
        for node_id in self._cluster.draining:
            drain = self._cluster.nodes[node_id].drain
            if drain is None or drain.patience is None or drain.deadline_ms is None:
                continue
            before = known.get(node_id)
            if before is not None and before[0] == drain:
                self._due[node_id] = before
                continue
            left = (drain.deadline_ms - now.wall_ms) / 1000
            self._due[node_id] = drain, now.monotonic + min(max(left, 0.0), drain.patience)
        return {node_id: due for node_id, (_, due) in self._due.items()}


def drained(cluster: Cluster, node_id: NodeId, now: Instant) -> list[Change]:
    """Return the change that says that nothing which runs is left on a draining node, once for each drain."""
    node = cluster.nodes.get(node_id)
    if node is None or node.drain is None or node.drain.ended_ms is not None:
        return []
    if any(not cluster.allocations[one].ended for one in cluster.on_node(node_id)):
        return []
    node = replace(node, drain=replace(node.drain, ended_ms=now.wall_ms), changed_ms=now.wall_ms)
    return [PutNode(node, EventKind.NODE_DRAINED, "nothing that runs is left on it")]


class Step(StrEnum):
    """How far one replica has come on its way off a draining node."""

    STOPPING = "stopping"  # ordered away
    RELIEVED = "relieved"  # another gets ready to take over from it
    QUEUED = "queued"  # there is room; it waits for its turn
    BLOCKED = "blocked"  # no other node takes it


class Leaver(msgspec.Struct, frozen=True):
    """One replica that is still on a draining node, and why."""

    allocation: Allocation
    step: Step
    relief: Allocation | None = None
    reason: str = ""
    hint: str = ""


def leavers(cluster: Cluster, node_id: NodeId, now: Instant) -> list[Leaver]:
    """Return what runs on the node still, in order. Changes nothing.

    Why no node takes one is looked up for the first few, once for replicas that ask for the same; those behind them are
    queued without a reason.
    """
    there = [cluster.allocations[one] for one in cluster.on_node(node_id)]
    left = [one for one in there if not one.ended]
    left.sort(key=lambda one: (cluster.tasks[one.task_id].name, one.slot))
    refusals: dict[tuple[TaskId, int], Leaver] = {}
    found: list[Leaver] = []
    for one in left:
        task = cluster.tasks[one.task_id]
        relief = cluster.slots(task.id)[one.slot].relief
        if not one.live or task.goal is Goal.STOP:
            found.append(Leaver(one, Step.STOPPING, reason=one.why_removed))
        elif relief is not None and relief.relieves == one.id:
            found.append(Leaver(one, Step.RELIEVED, relief))
        else:
            slot = cluster.slots(task.id)[one.slot]
            special = bool(slot.avoid) or home_of(cluster, task, slot) is not None
            key = (task.id, one.slot if special else 0)
            if key not in refusals and len(refusals) < LOOKS_AT_MOST:
                refusals[key] = _waiting(cluster, task, one, now)
            known = refusals.get(key, Leaver(one, Step.QUEUED))
            found.append(replace(known, allocation=one))
    return found


def _waiting(cluster: Cluster, task: Task, one: Allocation, now: Instant) -> Leaver:
    slot = cluster.slots(task.id)[one.slot]
    avoid = {node: why for node, (_, why) in slot.avoided(now.monotonic).items()}
    refusal = why_not(demand_for(cluster, task, slot, avoid), cluster.inventory)
    if refusal is None:
        turn = "waits for its turn"
        if not may_be_relieved(task.spec):
            turn += f": the replicas of {task.name} are moved one by one, while all others work"
        return Leaver(one, Step.QUEUED, reason=turn)
    name = cluster.nodes[one.node_id].name
    if home := home_of(cluster, task, slot):
        return Leaver(
            one,
            Step.BLOCKED,
            reason=f"its data is here, in {', '.join(home.volumes)}",
            hint=f"it can only be stopped until {name} is open again: cube node drain {name} --force",
        )
    return Leaver(
        one,
        Step.BLOCKED,
        reason=refusal.sentence(),
        hint="make room: add a node, open one (cube node uncordon), or run less (cube scale, cube stop)",
    )
