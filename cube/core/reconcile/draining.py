"""The planner of draining nodes: what of one task leaves them next, and how.

Start-first where the task allows it: a replica is relieved by one on another node, which is ready before it stops, so
no drain lowers the number of ready replicas. Else stop-first, one replica at a time and only while every other works:
never below one less than were ready. What fits nowhere stays where it is, until its node's deadline stops it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from cube.core.changes import Assign, Change, Unassign
from cube.core.cluster import Cluster
from cube.core.reconcile.needs import demand_for, fits
from cube.core.reconcile.relief import may_be_relieved
from cube.core.reconcile.rolling import out_of_work
from cube.core.reconcile.slots import next_stay
from cube.core.roster import Slot, Standing
from cube.core.scheduler.place import place
from cube.core.scheduler.strategy import Strategy
from cube.model.ids import NodeId
from cube.model.task import Task
from cube.model.timing import Instant, Timing


class DrainPlan(msgspec.Struct):
    """What leaves next, and whether something that should leave could not be moved now."""

    changes: list[Change] = []
    stuck: bool = False


def plan_drain(
    cluster: Cluster,
    task: Task,
    *,
    strategy: Strategy,
    timing: Timing,
    now: Instant,
    expired: Collection[NodeId] = (),
) -> DrainPlan:
    """Return the next step of moving this task off the draining nodes; ask again when it is applied.

    What is on the `expired` nodes, whose deadline has passed, is ordered away whether or not it fits elsewhere.
    """
    leaving = list(_on_draining_nodes(cluster, task))
    overdue = [one for one in leaving if one.latest and one.latest.node_id in expired]
    if overdue:
        return DrainPlan([_stopped_by_deadline(cluster, one) for one in overdue])
    plan = DrainPlan()
    for slot in leaving:
        if slot.number in cluster.rosters[task.id].outdated or slot.relief is not None:
            continue
        if slot.standing is Standing.READY and may_be_relieved(task.spec):
            step = _relieve(cluster, task, slot, strategy, timing, now)
        else:
            step = _stop_first(cluster, task, slot, strategy, now)
        if step:
            return DrainPlan(step, plan.stuck)
        plan.stuck = True
    return plan


def may_begin(cluster: Cluster, task: Task, timing: Timing) -> bool:
    """Whether one more replica of the task may be relieved now."""
    slots = cluster.slots(task.id).values()
    under_way = sum(slot.relief is not None for slot in slots)
    most = max(1, int(task.wanted_slots * timing.drain_share))
    return under_way < most and len(cluster.reliefs) < timing.drain_most


def _on_draining_nodes(cluster: Cluster, task: Task) -> Iterator[Slot]:
    for _, slot in sorted(cluster.slots(task.id).items()):
        if slot.latest and slot.latest.live and slot.latest.node_id in cluster.draining:
            yield slot


def _stopped_by_deadline(cluster: Cluster, slot: Slot) -> Unassign:
    assert slot.latest is not None
    name = cluster.nodes[slot.latest.node_id].name
    return Unassign(slot.latest.id, f"the time to leave the draining node {name} is over")


def _relieve(
    cluster: Cluster, task: Task, slot: Slot, strategy: Strategy, timing: Timing, now: Instant
) -> list[Change]:
    assert slot.latest is not None
    if not slot.clear or not may_begin(cluster, task, timing):
        return []
    avoid = {node: why for node, (_, why) in slot.avoided(now.monotonic).items()}
    demand = demand_for(cluster, task, slot, avoid)
    found = place(demand, 1, cluster.inventory, strategy)
    if not found.nodes:
        return []
    relief = next_stay(
        slot,
        task,
        demand,
        found.nodes[0],
        least=cluster.lineage.generation,
        now=now,
        devices=found.devices[0] if found.devices else (),
        relieves=slot.latest.id,
    )
    origin = cluster.nodes[slot.latest.node_id].name
    return [Assign(relief, f"takes over from {origin}, which is draining, when it is ready")]


def _stop_first(
    cluster: Cluster, task: Task, slot: Slot, strategy: Strategy, now: Instant
) -> list[Change]:
    assert slot.latest is not None
    works = slot.standing is Standing.READY
    if works and out_of_work(cluster.rosters[task.id], task) != 0:
        return []
    avoid = {node: why for node, (_, why) in slot.avoided(now.monotonic).items()}
    if not fits(cluster, task, slot, avoid, strategy):
        return []
    return [Unassign(slot.latest.id, "its node is draining")]
