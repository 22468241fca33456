"""What must hold of any cluster, whatever happened. Asserted by every scenario, property and simulated history.

Each rule returns the sentences of its violations; `violations` gathers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from cube.core.cluster import Cluster
from cube.core.roster import Standing, standing_of
from cube.model.allocation import Allocation
from cube.model.extras import DEVICE
from cube.model.ids import allocation_id, split_allocation_id
from cube.model.node import Condition, Node
from cube.model.resources import NOTHING
from cube.model.task import Goal


def violations(cluster: Cluster) -> list[str]:
    """Return what is wrong with the cluster, one sentence each; nothing when all is well."""
    rules = (
        one_live_allocation,
        identities_are_unique,
        nothing_over_committed,
        only_the_lower_yield,
        inventory_adds_up,
        yielding_adds_up,
        rosters_add_up,
        lost_nodes_hold_nothing_live,
    )
    return [sentence for rule in rules for sentence in rule(cluster)]


def one_live_allocation(cluster: Cluster) -> Iterator[str]:
    """A slot is filled once: a successor comes when nothing of the former can run where it is heard.

    But for one that relieves another: it stands by until it is ready, and only then the other leaves; or it leaves
    itself, and the other stays. A slot has one at a time, and never of a task that must not run twice.
    """
    for task_id, roster in cluster.rosters.items():
        for slot in roster.slots.values():
            latest = slot.latest
            for other in slot.leaving.values():
                handed_over = latest and (
                    other.relieves == latest.id or latest.relieves == other.id
                )
                if not other.ended and not (handed_over and other.leaving):
                    yield f"{other.id} may still run beside another allocation of its slot"
                if latest and other.generation >= latest.generation and not other.relieves:
                    yield f"{other.id} is not older than {latest.id}"
            if latest and latest.live and not cluster.tasks[task_id].wanted_slots >= slot.number:
                yield f"{latest.id} is live although its slot is not wanted"
            if slot.relief and latest and slot.relief.relieves != latest.id:
                yield f"{slot.relief.id} relieves another than {latest.id}"


def identities_are_unique(cluster: Cluster) -> Iterator[str]:
    """An allocation's id says which stay it is."""
    for key, allocation in cluster.allocations.items():
        wanted = allocation_id(allocation.task_id, allocation.slot, allocation.generation)
        if key != allocation.id or key != wanted:
            yield f"allocation {key} is recorded as {allocation.id}, and is {wanted}"


def nothing_over_committed(cluster: Cluster) -> Iterator[str]:
    """What may be there fits the node, and so does what will be there once those that leave have left.

    A host port is given once. Only what awaits the room of others is promised more than there is for now. Not so where
    history was lost: what runs is adopted although other work has its place on record.
    """
    if cluster.lineage.gaps:
        return
    for node_id, node in cluster.nodes.items():
        there = [
            one for one in cluster.allocations.values() if one.node_id == node_id and one.reserves
        ]
        yield from _too_much(node, [one for one in there if not cluster.awaited(one)], "now")
        yield from _too_much(node, [one for one in there if not one.vacating], "soon")


def _too_much(node: Node, there: list[Allocation], when: str) -> Iterator[str]:
    ports = Counter(port for one in there for port in one.host_ports)
    for port, holders in ports.items():
        if holders > 1:
            yield f"host port {port} of {node.id} is given {holders} times, {when}"
    shares: Counter[tuple[str, int]] = Counter()
    for share in (share for one in there for share in one.devices):
        shares[share.extra, share.device] += share.millis
    for (extra, device), millis in shares.items():
        if millis > DEVICE or device >= node.facts.extras.get(extra, 0):
            yield f"{extra} {device} of {node.id} is given by {millis} thousandths, {when}"
    free = node.facts.capacity - sum((one.demand for one in there), NOTHING)
    if min(free.cpu_millis, free.memory_bytes, free.disk_bytes) < 0:
        yield f"node {node.id} is over-committed {when}: {free} is free"


def only_the_lower_yield(cluster: Cluster) -> Iterator[str]:
    """Nobody is displaced by its own task, and what awaits room has the room of such as leave or have left."""
    for allocation in cluster.allocations.values():
        by = allocation.displaced_by
        if by is not None and split_allocation_id(by)[0] == allocation.task_id:
            yield f"{allocation.id} is displaced by its own task"
        for awaited in cluster.awaited(allocation):
            if awaited.live:
                yield f"{allocation.id} awaits the room of {awaited.id}, which stays"


def inventory_adds_up(cluster: Cluster) -> Iterator[str]:
    """What the inventory holds on a node is the sum over the allocations that reserve there."""
    inventory = cluster.inventory
    if inventory.nodes != cluster.nodes:
        yield f"the inventory knows {sorted(inventory.nodes)}, the cluster {sorted(cluster.nodes)}"
    totals, nodes = inventory.totals, cluster.nodes.values()
    everything = sum((cluster.reserved(node.id) for node in nodes), NOTHING)
    if (everything.cpu_millis, everything.memory_bytes) != (
        totals.cpu_reserved,
        totals.memory_reserved,
    ) or totals.capacity != sum((node.facts.capacity for node in nodes), NOTHING):
        yield f"all nodes together hold {everything}, which is not their total"
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


def yielding_adds_up(cluster: Cluster) -> Iterator[str]:
    """What could yield is counted as it is held, and only while a task may displace others."""
    asked = any(one.spec.preempt and one.goal is Goal.RUN for one in cluster.tasks.values())
    if asked != (cluster.yielding is not None):
        yield f"what could yield is {'not ' if asked else ''}counted"
    if cluster.yielding is None:
        return
    rows = len(cluster.inventory.ids)
    for priority in {1, 101, *(task.spec.priority for task in cluster.tasks.values())}:
        held = [[0] * rows for _ in range(3)]
        for one in cluster.allocations.values():
            if (
                one.reserves
                and one.node_id in cluster.nodes
                and cluster.priority_of(one) < priority
            ):
                row = cluster.inventory.row(one.node_id)
                for line, amount in zip(held, msgspec.structs.astuple(one.demand), strict=True):
                    line[row] += amount
        if cluster.yielding.below(priority, rows).tolist() != held:
            yield f"below priority {priority} something else is held than is counted"


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
