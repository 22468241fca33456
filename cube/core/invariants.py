"""What must hold of any cluster, whatever happened. Asserted by every scenario, property and simulated history.

Each rule returns the sentences of its violations; `violations` gathers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cube.core.cluster import Cluster
from cube.core.roster import Standing, standing_of
from cube.model.extras import DEVICE
from cube.model.ids import allocation_id
from cube.model.node import Condition
from cube.model.resources import NOTHING


def violations(cluster: Cluster) -> list[str]:
    """Return what is wrong with the cluster, one sentence each; nothing when all is well."""
    rules = (
        one_live_allocation,
        identities_are_unique,
        nothing_over_committed,
        inventory_adds_up,
        rosters_add_up,
        lost_nodes_hold_nothing_live,
    )
    return [sentence for rule in rules for sentence in rule(cluster)]


def one_live_allocation(cluster: Cluster) -> Iterator[str]:
    """A slot is filled once: a successor comes when nothing of the former can run where it is heard."""
    for task_id, roster in cluster.rosters.items():
        for slot in roster.slots.values():
            for older in slot.leaving.values():
                if not older.ended:
                    yield f"{older.id} may still run beside a newer allocation of its slot"
                if slot.latest and older.generation >= slot.latest.generation:
                    yield f"{older.id} is not older than {slot.latest.id}"
            latest = slot.latest
            if latest and latest.live and not cluster.tasks[task_id].wanted_slots >= slot.number:
                yield f"{latest.id} is live although its slot is not wanted"


def identities_are_unique(cluster: Cluster) -> Iterator[str]:
    """An allocation's id says which stay it is."""
    for key, allocation in cluster.allocations.items():
        wanted = allocation_id(allocation.task_id, allocation.slot, allocation.generation)
        if key != allocation.id or key != wanted:
            yield f"allocation {key} is recorded as {allocation.id}, and is {wanted}"


def nothing_over_committed(cluster: Cluster) -> Iterator[str]:
    """Reservations fit the node and a host port is given once, unless the node itself shrank.

    Not so where history was lost: what runs is adopted although other work has its place on record.
    """
    if cluster.lineage.gaps:
        return
    inventory = cluster.inventory
    for node_id in cluster.nodes:
        row = inventory.row(node_id)
        for port, holders in inventory.ports_on(row).items():
            if holders > 1:
                yield f"host port {port} of {node_id} is given {holders} times"
        for (extra, device), millis in inventory.devices_on(row).items():
            if millis > DEVICE or device >= cluster.nodes[node_id].facts.extras.get(extra, 0):
                yield f"{extra} {device} of {node_id} is given by {millis} thousandths"
        free = inventory.free_on(row)
        if min(free.cpu_millis, free.memory_bytes, free.disk_bytes) < 0:
            yield f"node {node_id} is over-committed: {free} is free"


def inventory_adds_up(cluster: Cluster) -> Iterator[str]:
    """What the inventory holds on a node is the sum over the allocations that reserve there."""
    inventory = cluster.inventory
    if inventory.nodes != cluster.nodes:
        yield f"the inventory knows {sorted(inventory.nodes)}, the cluster {sorted(cluster.nodes)}"
    for node_id in cluster.nodes:
        row = inventory.row(node_id)
        holding = [
            one for one in cluster.allocations.values() if one.node_id == node_id and one.reserves
        ]
        total = sum((one.demand for one in holding), NOTHING)
        if total != cluster.reserved(node_id) or inventory.count[row] != len(holding):
            yield f"node {node_id} counts {cluster.reserved(node_id)}, its allocations {total}"
        if Counter(one.task_id for one in holding) != inventory.tasks_on(row):
            yield f"node {node_id} counts {inventory.tasks_on(row)} by task"
        if Counter(port for one in holding for port in one.host_ports) != inventory.ports_on(row):
            yield f"node {node_id} counts host ports {inventory.ports_on(row)}"
        shares: Counter[tuple[str, int]] = Counter()
        for share in (share for one in holding for share in one.devices):
            shares[share.extra, share.device] += share.millis
        if shares != inventory.devices_on(row):
            yield f"node {node_id} counts devices {inventory.devices_on(row)}"
        left = {one.id for one in cluster.allocations.values() if one.node_id == node_id}
        gone = {one.id for one in cluster.allocations.values() if one.gone}
        if set(cluster.on_node(node_id)) != left - gone:
            yield f"node {node_id} is said to hold {sorted(cluster.on_node(node_id))}"


def rosters_add_up(cluster: Cluster) -> Iterator[str]:
    """A roster's counts are those of its slots."""
    for task_id, roster in cluster.rosters.items():
        task = cluster.tasks[task_id]
        counted = Counter(standing_of(slot, task) for slot in roster.slots.values())
        if [counted[standing] for standing in Standing] != roster.standings:
            yield f"task {task.name} counts {roster.standings}, its slots {counted}"
        present = sum(
            not one.gone and not one.lost
            for one in cluster.allocations.values()
            if one.task_id == task_id
        )
        if present != roster.present:
            yield f"task {task.name} counts {roster.present} allocations left of {present}"


def lost_nodes_hold_nothing_live(cluster: Cluster) -> Iterator[str]:
    """Nothing is thought to run on a node that was given up."""
    for allocation in cluster.allocations.values():
        node = cluster.nodes.get(allocation.node_id)
        if allocation.live and (node is None or node.condition is Condition.LOST):
            yield f"{allocation.id} is live on a node that was given up"
