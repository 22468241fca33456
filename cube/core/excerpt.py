"""What placing the slots of one task depends on, copied: to be read by another thread, and changed freely.

Explaining and planning look at every node, which for thousands of them takes too long to keep others waiting. Taking
the excerpt costs some bytes per node and some microseconds per slot of the task.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from cube.core.cluster import Cluster
from cube.core.reconcile.displacing import candidates
from cube.core.reconcile.needs import home_of
from cube.core.roster import Slot, Standing, standing_of
from cube.core.scheduler.demand import Demand, Home, demand_of
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.preempt import Occupants
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.core.summary import slot_reason
from cube.model.allocation import Allocation
from cube.model.ids import NodeId, TaskId, slot_name
from cube.model.task import Task
from cube.model.timing import Instant


class SlotSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One slot as it stood, in the light of what the task wants."""

    number: int
    standing: Standing
    reason: str  # the one line for it, empty where all is well
    latest: Allocation | None = None
    leaving: bool = False  # its container is on its way out, and the successor waits for that
    avoid: Mapping[NodeId, str] = {}
    home: Home | None = None


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """One task, its slots by number, and all nodes. Whoever gets it may write to the inventory: it is a copy."""

    task: Task
    strategy_name: str
    demand: Demand  # of a slot that avoids no node and has no home
    slots: tuple[SlotSeen, ...]
    inventory: Inventory
    occupants: Mapping[NodeId, Occupants] = {}  # of nodes where it might displace them
    task_names: Mapping[TaskId, str] = {}  # of the occupants' tasks

    @property
    def strategy(self) -> Strategy:
        """What orders the nodes that fit."""
        return STRATEGIES[self.strategy_name]

    def demand_for(self, slot: SlotSeen) -> Demand:
        """Return what the slot's next allocation asks for."""
        return replace(self.demand, avoid=slot.avoid, home=slot.home)

    def name_of(self, slot: int) -> str:
        """Return how people call a slot of the task."""
        return slot_name(self.task.name, slot)

    def node_name(self, node_id: NodeId) -> str:
        """Return what people call the node; its id when it was forgotten since."""
        node = self.inventory.nodes.get(node_id)
        return node.name if node else node_id


def excerpt_of(cluster: Cluster, task: Task, *, strategy: str, now: Instant) -> Excerpt:
    """Return the excerpt for a task as it is on record, or as it would be: with all slots that it has or would have.

    `strategy` is the cluster's own, for tasks that name none.
    """
    roster = cluster.rosters.get(task.id)
    slots = {**roster.slots} if roster else {}
    for number in range(1, task.wanted_slots + 1):
        slots.setdefault(number, Slot(number))
    seen = tuple(_seen(cluster, task, slot, now) for _, slot in sorted(slots.items()))
    demand = demand_of(task, named=cluster.named)
    near = {wish.near for wish in demand.wishes if wish.near}
    ports = {*demand.host_ports}.union(*(one.latest.host_ports for one in seen if one.latest))
    there = candidates(cluster, task, demand)
    held = [one for some in there.values() for one in some.everybody]
    beside = {one.task_id for one in held}
    rows = [cluster.inventory.row(node_id) for node_id in there]
    ports.update(port for one in held for port in one.host_ports)
    return Excerpt(
        task=task,
        strategy_name=task.spec.strategy or strategy,
        demand=demand,
        slots=seen,
        inventory=cluster.inventory.excerpt({task.id, *near}, ports, demand.image, (beside, rows)),
        occupants=there,
        task_names={task_id: cluster.tasks[task_id].name for task_id in beside},
    )


def _seen(cluster: Cluster, task: Task, slot: Slot, now: Instant) -> SlotSeen:
    latest = slot.latest
    return SlotSeen(
        number=slot.number,
        standing=standing_of(slot, task),
        reason=slot_reason(slot, cluster, now.wall_ms),
        latest=latest,
        leaving=latest is not None and latest.leaving,
        avoid={node: why for node, (_, why) in slot.avoided(now.monotonic).items()},
        home=home_of(cluster, task, slot),
    )
