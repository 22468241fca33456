"""What workers say, turned into changes and orders. A worker's word is taken only for its own allocations."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from cube.core.changes import Announce, Change, PutNode, Record, Unassign, WriteOff
from cube.core.cluster import Cluster
from cube.core.effects import TurnedAway
from cube.core.grammar import is_reference
from cube.core.inputs import Connect, Observe
from cube.core.lifecycle import observe
from cube.core.words import plural, seconds
from cube.model.allocation import Allocation, Observed, Phase, Wanted
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Condition, Facts, Node
from cube.model.orders import Describe, Order, Remove, Run
from cube.model.timing import Instant


def admit(cluster: Cluster, hello: Connect, now: Instant) -> Node | TurnedAway:
    """Return the node as it stands with its new session, or why it is not let in."""
    if hello.cluster_id and hello.cluster_id != cluster.id:
        return TurnedAway(
            f"this worker belongs to cluster {hello.cluster_id}, not to {cluster.id}: "
            "give it a data directory of its own",
            final=True,
        )
    if not (is_reference(hello.node_id) and is_reference(hello.facts.name)):
        return TurnedAway(
            "the name of a node is up to 127 letters, digits, `.`, `_` and `-`: start the worker with another --name",
            final=True,
        )
    known = cluster.nodes.get(hello.node_id)
    facts = _with_free_name(cluster, hello.node_id, hello.facts)
    if known is None:
        return Node(
            id=hello.node_id,
            facts=facts,
            epoch=1,
            runtime_error=hello.runtime_error,
            joined_ms=now.wall_ms,
            changed_ms=now.wall_ms,
        )
    return replace(
        known,
        facts=facts,
        epoch=known.epoch + 1,
        condition=Condition.READY,
        runtime_error=hello.runtime_error,
        quarantine="",
        changed_ms=now.wall_ms,
    )


CLONED = (
    "two workers take turns as this node: stop one of the two, or give it a data directory of its own; "
    "the other is let in a minute later"
)


def quarantined(node: Node, now: Instant) -> PutNode:
    """Return the change that ends the node's session, to be followed by no other for now."""
    node = replace(node, condition=Condition.SUSPECT, quarantine=CLONED, changed_ms=now.wall_ms)
    return PutNode(node, EventKind.NODE_QUARANTINED, CLONED)


def joined(known: Node | None, node: Node) -> PutNode:
    """Return the change that takes the node in, told according to how it was before."""
    if known is None:
        return PutNode(node, EventKind.NODE_JOINED, node.runtime_error)
    if known.condition is Condition.LOST or known.quarantine:
        return PutNode(node, EventKind.NODE_RETURNED, node.runtime_error)
    if known.runtime_error != node.runtime_error:
        return runtime_changed(node, node.runtime_error)
    return PutNode(node, None)


def _with_free_name(cluster: Cluster, node_id: NodeId, facts: Facts) -> Facts:
    """Names are for people: a second machine of the same name gets a number."""
    known = cluster.nodes.get(node_id)
    if known is not None and known.facts.name == facts.name:
        return facts
    taken = {node.facts.name for node in cluster.nodes.values() if node.id != node_id}
    name, number = facts.name, 2
    while name in taken:
        name, number = f"{facts.name}-{number}", number + 1
    return replace(facts, name=name)


def outdated_and_gone(cluster: Cluster, hello: Connect) -> list[Change]:
    """Return the orders to leave for outdated allocations of which the worker holds nothing.

    The ledger keeps the present spec of a task only. A worker that holds such an allocation runs it by the spec on its
    label; one that does not would be told to run the present spec in the place of an older one, on the older one's
    ports and memory. So the slot gets a successor of its own instead. No spec but its own ever reaches an allocation:
    a `Run` leaves once, with the spec of the decision that made the allocation, and then only in answer to a hello.
    """
    return (
        []
        if hello.blind
        else [
            Unassign(one.id, f"replaced by revision {cluster.tasks[one.task_id].template_revision}")
            for one in _outdated(cluster, hello)
        ]
    )


def _outdated(cluster: Cluster, hello: Connect) -> list[Allocation]:
    """Return the live allocations of former revisions that the worker does not tell to hold."""
    held = {one.id for one in hello.holding}
    there = [cluster.allocations[one] for one in sorted(cluster.on_node(hello.node_id))]
    return [
        one
        for one in there
        if one.live
        and one.id not in held
        and one.template_revision < cluster.tasks[one.task_id].template_revision
    ]


def full_orders(
    cluster: Cluster, hello: Connect, asked: Collection[AllocationId] = (), *, begin: bool = True
) -> list[Order]:
    """Return what a worker that just connected must run, and what it must remove.

    Complete on both sides, so that nothing follows from what is left out: an allocation on record is ordered to run
    or to be removed, and one that the worker holds without being on record is ordered away by name, unless it is one
    of those `asked` about. Where nothing is to `begin` yet, it is not told to run what it does not hold. Where the
    worker does not know yet what it holds, nothing is said of what it may hold by a spec that is not on record.
    """
    orders: list[Order] = []
    holding = {held.id for held in hello.holding}
    unsaid = {one.id for one in _outdated(cluster, hello)}
    for allocation_id in sorted(cluster.on_node(hello.node_id)):
        if allocation_id in unsaid:
            continue
        order = order_for(cluster, cluster.allocations[allocation_id])
        if order and (begin or allocation_id in holding or isinstance(order, Remove)):
            orders.append(order)
    for held in hello.holding:
        if held.id in asked:
            orders.append(Describe(id=held.id))
        elif held.id not in cluster.on_node(hello.node_id):
            orders.append(stray(cluster, held.id, hello.node_id))
    return orders


def stray(cluster: Cluster, allocation_id: AllocationId, node_id: NodeId) -> Remove:
    """Return the order for what a worker holds and should not."""
    return Remove(id=allocation_id, reason=_why_strange(cluster, allocation_id, node_id))


def order_for(cluster: Cluster, allocation: Allocation) -> Order | None:
    """Return the order that an allocation needs now.

    None for one that ended and is kept for its logs, and for one whose room is not free yet.
    """
    if allocation.gone:
        return None
    if allocation.wanted is Wanted.REMOVE or allocation.lost:
        return Remove(id=allocation.id, reason=allocation.why_removed)
    seen = allocation.observed
    if seen.phase.ended or cluster.awaited(allocation):
        return None
    return Run(
        id=allocation.id,
        task_id=allocation.task_id,
        slot=allocation.slot,
        generation=allocation.generation,
        spec=cluster.tasks[allocation.task_id].spec,
        devices=allocation.devices,
        first_restart=seen.restart + (seen.phase >= Phase.RUNNING),
        runs_over=seen.restart + (seen.phase >= Phase.STOPPING),
        revision=allocation.revision,
    )


def _why_strange(cluster: Cluster, allocation_id: AllocationId, node_id: NodeId) -> str:
    allocation = cluster.allocations.get(allocation_id)
    if allocation is None:
        return "no such allocation is on record"
    if allocation.node_id != node_id:
        return "it was placed on another node since"
    return "it was removed on record"


def news(cluster: Cluster, said: Observe) -> tuple[list[Record], list[Remove]]:
    """Return the reports that bring something new, and orders for what should not be there.

    A report about an allocation that is not on record, not this node's, or has ended, can only be answered by
    ordering it away.
    """
    records: list[Record] = []
    strays: list[Remove] = []
    for allocation_id, observed in said.reports:
        allocation = cluster.allocations.get(allocation_id)
        if allocation is None or allocation.node_id != said.node_id:
            if observed.phase is not Phase.REMOVED:
                strays.append(stray(cluster, allocation_id, said.node_id))
            continue
        after = observe(allocation, replace(observed, epoch=said.epoch))
        if after is not allocation:
            records.append(Record(after, allocation.observed))
        elif allocation.ended and not observed.phase.ended:
            strays.append(Remove(id=allocation_id, reason="it has ended on record"))
    return records, strays


def runtime_changed(node: Node, error: str) -> PutNode:
    """Return the change that notes whether the node's engine answers."""
    if error:
        return PutNode(node, EventKind.NODE_RUNTIME_DOWN, error)
    return PutNode(node, EventKind.NODE_RUNTIME_UP)


def heard_again(node: Node, runtime_error: str, now: Instant) -> list[Change]:
    """Return the changes of a lease that came from a suspected node, or with other news of its engine."""
    changes: list[Change] = []
    if node.condition is not Condition.READY:
        node = replace(node, condition=Condition.READY, changed_ms=now.wall_ms)
        changes.append(PutNode(node, EventKind.NODE_RETURNED, "heard again"))
    if node.runtime_error != runtime_error:
        node = replace(node, runtime_error=runtime_error, changed_ms=now.wall_ms)
        changes.append(runtime_changed(node, runtime_error))
    return changes


def as_gone(allocation: Allocation) -> Allocation:
    """Return the allocation as if its worker had said that nothing of it is left."""
    return observe(allocation, Observed(phase=Phase.REMOVED, restart=allocation.observed.restart))


def silent(node: Node, condition: Condition, silence: float, now: Instant) -> PutNode:
    """Return the change that judges a node by its silence (seconds)."""
    kind = EventKind.NODE_LOST if condition is Condition.LOST else EventKind.NODE_SUSPECT
    words = f"not heard for {seconds(silence * 1000)}"
    return PutNode(replace(node, condition=condition, changed_ms=now.wall_ms), kind, words)


def held_back(cluster: Cluster, hold: float) -> Announce:
    """Return what is told when too many nodes are silent to believe it; seconds."""
    words = (
        f"too many of {plural(len(cluster.nodes), 'node')} fell silent at once: nothing is "
        f"replaced for {seconds(hold * 1000)}, the fault may be here"
    )
    return Announce(EventKind.MANAGER_HELD, words)


def write_offs(cluster: Cluster, node: Node) -> Iterable[Change]:
    """Return the changes that give up everything that a lost node still ran or was to remove."""
    for allocation_id in sorted(cluster.on_node(node.id)):
        allocation = cluster.allocations[allocation_id]
        if not allocation.ended:
            yield WriteOff(allocation_id, f"node {node.name} was lost")
        elif allocation.wanted is Wanted.REMOVE and not allocation.lost:
            yield Record(as_gone(allocation), allocation.observed)
