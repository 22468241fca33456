"""The planner of those that find no room and may displace others: who has to go for a slot, and the slot's place there.

The slot's allocation is assigned at once, so its room is reserved and on record from the first moment: neither what is
placed meanwhile nor its victims' successors can take it, and a restarted manager finds it so. It is ordered to run when
nothing that it `awaits` holds room any more.

A slot that was displaced itself displaces nobody until it has had a place again: one displacement moves its victims and
no more.
"""

from __future__ import annotations

from collections.abc import Iterable

from cube.core.changes import Assign, Change, Unassign
from cube.core.cluster import Cluster
from cube.core.reconcile.needs import demand_for
from cube.core.reconcile.slots import next_stay
from cube.core.roster import Slot
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.place import place
from cube.core.scheduler.preempt import Occupants, Tenant, displace, promising
from cube.core.scheduler.strategy import Strategy
from cube.model.allocation import Allocation, Phase
from cube.model.ids import NodeId, slot_name
from cube.model.task import Goal, Task
from cube.model.timing import Instant


def plan_displacement(
    cluster: Cluster,
    task: Task,
    slots: Iterable[Slot],
    now: Instant,
    only: frozenset[NodeId] | None = None,
) -> list[Change]:
    """Return the displacement for the first of these slots that is helped by one; nothing where none is.

    The task is to run and may displace others. The slots have just been refused by every node there is, or of `only`.
    """
    asked = False
    for slot in slots:
        alike = not slot.avoid and slot.latest is None
        if (alike and asked) or not may_displace(slot.latest):
            continue
        asked = asked or alike
        if changes := _for_slot(cluster, task, slot, now, only):
            return changes
    return []


def _for_slot(
    cluster: Cluster, task: Task, slot: Slot, now: Instant, only: frozenset[NodeId] | None
) -> list[Change]:
    assert cluster.yielding is not None  # as long as any task may displace others
    avoid = {node: why for node, (_, why) in slot.avoided(now.monotonic).items()}
    demand = demand_for(cluster, task, slot, avoid)
    found = displace(
        demand,
        task.spec.priority,
        cluster.inventory,
        cluster.yielding,
        lambda node_id: occupants(cluster, task, node_id),
        only=only,
    )
    if found is None:
        return []
    stay = next_stay(
        slot,
        task,
        demand,
        found.node_id,
        least=cluster.lineage.generation,
        now=now,
        devices=found.devices,
        awaits=found.awaits,
    )
    why = f"displaced by {slot_name(task.name, slot.number)} (priority {task.spec.priority})"
    return [*(Unassign(one.id, why, stay.id) for one in found.victims), Assign(stay)]


def may_displace(latest: Allocation | None) -> bool:
    """Whether a slot with this stay as its last may have others go: not if it had to go for another itself."""
    return latest is None or latest.displaced_by is None


def candidates(cluster: Cluster, task: Task, demand: Demand) -> dict[NodeId, Occupants]:
    """Return who is on the nodes that come nearest to taking a replica of the task; nobody if it displaces nobody.

    Nodes that would not do whoever went are left out, and so are all but the CANDIDATES nearest.
    """
    if not task.spec.preempt or task.goal is Goal.STOP:
        return {}
    inventory, priority = cluster.inventory, task.spec.priority
    rows = promising(demand, priority, inventory, cluster.yielding, most=CANDIDATES)
    nodes = [inventory.id(row) for row in rows]
    return {node_id: occupants(cluster, task, node_id) for node_id in nodes}


CANDIDATES = 64  # some thousand allocations to copy: a few milliseconds


def occupants(cluster: Cluster, task: Task, node_id: NodeId) -> Occupants:
    """Return whom a replica of the task may displace on the node, and what leaves it anyway.

    What cannot be removed is neither: its room is not to be counted on. Nor is what awaits room itself and holds none.
    """
    there = [cluster.allocations[one] for one in sorted(cluster.on_node(node_id))]
    tenants = (
        Tenant(one, cluster.priority_of(one))
        for one in there
        if one.live and one.task_id != task.id and not cluster.awaited(one)
    )
    return Occupants(
        tuple(one for one in tenants if one.priority < task.spec.priority),
        tuple(one for one in there if one.vacating and not _stuck(one)),
    )


def _stuck(leaving: Allocation) -> bool:
    """Whether its worker has tried to remove it and could not."""
    seen = leaving.observed
    return seen.phase is Phase.STOPPING and seen.failure is not None


def plan_better_place(
    cluster: Cluster,
    task: Task,
    slot: Slot,
    strategy: Strategy,
    now: Instant,
    only: frozenset[NodeId],
) -> list[Change]:
    """Return the order to leave its place for a slot that awaits room, where another node of `only` has room now.

    The nodes that the slot avoids are none: it would be placed where it was, and leave again, for ever.
    """
    latest = slot.latest
    if latest is None or not cluster.awaited(latest):
        return []
    avoid = {node: why for node, (_, why) in slot.avoided(now.monotonic).items()}
    avoid[latest.node_id] = "its room is not free yet"
    demand = demand_for(cluster, task, slot, avoid)
    if not place(demand, 1, cluster.inventory, strategy, only=only).nodes:
        return []
    return [Unassign(latest.id, "there is room elsewhere")]
