"""Placing a batch of replicas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cube.core.policy import rights_of
from cube.core.scheduler.constraints import parse
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import Demand, NodeRefusal, Placement, demand_of, place, why_not
from cube.core.scheduler.refusals import RefusalGroup
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Term
from cube.model.node import Condition
from cube.model.resources import Resources
from cube.model.spec import Port, Protocol
from tests.builders import (
    GIB,
    MIB,
    Stock,
    a_demand,
    a_stock,
    a_task,
    an_inventory,
    node_id,
    task_id,
)

SPREAD = STRATEGIES["spread"]
W1, W2, W3 = node_id("w1"), node_id("w2"), node_id("w3")


def test_a_demand_holds_what_placing_needs_of_a_task() -> None:
    task = a_task(
        name="web",
        cpu_millis=500,
        memory_bytes=GIB,
        ports=(Port(80, host_port=8080), Port(9000)),
        constraints=("zone == eu-1",),
        max_per_node=2,
    )
    assert demand_of(task, avoid={W1: "it failed there"}) == Demand(
        task_id=task_id("web"),
        resources=Resources(500, GIB, 0),
        host_ports=((8080, Protocol.TCP),),
        constraints=(parse("zone==eu-1"),),
        max_per_node=2,
        avoid={W1: "it failed there"},
        image="busybox:latest",
        rights=rights_of(task.spec),
    )


def test_every_replica_gets_a_node_while_there_is_room() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2"))
    found = place(a_demand(), 3, nodes, SPREAD)
    assert (found.nodes, found.refusal) == ((W1, W2, W1), None)


def test_it_is_told_in_a_phrase_why_these_nodes_were_chosen() -> None:
    busy, small = a_task(name="other"), Resources(4_000, MIB, 0)

    def why(*stocks: Stock, count: int = 1) -> str:
        return place(a_demand(memory_bytes=GIB), count, an_inventory(*stocks), SPREAD).why

    assert why(a_stock("w1")) == "the only node"
    assert why(a_stock("w1"), a_stock("w2", capacity=small)) == "the only one of 2 nodes that fits"
    assert why(a_stock("w1", held=[busy]), a_stock("w2")) == "best of 2 that fit by allocations"
    assert why(a_stock("w1"), a_stock("w2")) == "first by name among equals of 2 that fit"
    assert (
        why(a_stock("w1"), a_stock("w2"), count=3)
        == "one of 3 placed at once over 2 nodes that fit"
    )
    freed = place(a_demand(), 1, an_inventory(a_stock("w1"), a_stock("w2")), SPREAD, only=(W2,))
    assert freed.why == "the first to have room for it"
    assert why(a_stock("w1", capacity=small), count=3) == why(a_stock("w1", capacity=small)) == ""


def test_asking_for_no_replicas_gives_none_and_refuses_none() -> None:
    assert place(a_demand(), 0, an_inventory(a_stock("w1")), SPREAD) == Placement(())
    assert place(a_demand(), 0, an_inventory(), SPREAD) == Placement(())


def test_a_batch_counts_its_own_placements_against_the_room() -> None:
    nodes = an_inventory(
        a_stock("w1", capacity=Resources(1_000, GIB, 0)),
        a_stock("w2", capacity=Resources(2_500, GIB, 0)),
    )
    placement = place(a_demand(cpu_millis=1_000), 4, nodes, SPREAD)

    assert placement.nodes == (W2, W1, W2)
    assert placement.refusal is not None
    assert placement.refusal.sentence() == (
        "no node fits: 2 lack cpu (nearest w2, 0.5 cores short; w1)"
    )


def test_a_batch_takes_a_host_port_once_per_node() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2"))
    placement = place(a_demand(ports=(Port(80, host_port=8080),)), 3, nodes, SPREAD)

    assert placement.nodes == (W1, W2)
    assert placement.refusal is not None
    assert placement.refusal.sentence() == "no node fits: 2 have port 8080/tcp taken (w1, w2)"


def test_a_batch_keeps_to_max_per_node() -> None:
    nodes = an_inventory(a_stock("w1", held=[a_task(name="web")]), a_stock("w2"))
    placement = place(a_demand(name="web", max_per_node=2), 5, nodes, SPREAD)

    assert Counter(placement.nodes) == {W1: 1, W2: 2}
    assert placement.refusal is not None
    assert placement.refusal.codes() == ("max_per_node",)


def test_placing_changes_nothing_in_the_inventory() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2", last_placed=3))
    demand = a_demand(cpu_millis=100, ports=(Port(80, host_port=8080),))

    first = place(demand, 2, nodes, SPREAD)

    assert nodes.count.tolist() == [0, 0]
    assert nodes.last_placed.tolist() == [0, 3]
    assert place(demand, 2, nodes, SPREAD) == first


def test_only_looks_at_no_other_node() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2"), a_stock("w3"))
    forgotten = node_id("w9")

    assert place(a_demand(), 3, nodes, SPREAD, only={W2, forgotten}).nodes == (W2, W2, W2)
    assert place(a_demand(), 2, nodes, SPREAD, only=[W3, W3, W1]).nodes == (W1, W3)


def test_a_refusal_by_some_nodes_says_that_it_is_not_by_all() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2", condition=Condition.LOST))
    placement = place(a_demand(), 1, nodes, SPREAD, only={W2})

    assert placement.nodes == ()
    assert placement.refusal is not None
    assert placement.refusal.sentence() == "none of 1 nodes (of 2) fits: 1 is lost (w2)"


def test_a_restricted_epvm_still_knows_the_size_of_the_cluster() -> None:
    asked: list[int] = []

    def spy(offers: Offers, /) -> Iterable[Term]:
        asked.append(offers.nodes)
        return STRATEGIES["epvm"](offers)

    nodes = an_inventory(a_stock("w1"), a_stock("w2"), a_stock("w3"))
    place(a_demand(), 1, nodes, spy, only={W1, W2})
    assert asked == [3]


def test_every_node_is_refused_once_and_named() -> None:
    nodes = an_inventory(
        a_stock("w2", capacity=Resources(0, 512 * MIB, 0)),
        a_stock("w1", condition=Condition.LOST),
    )
    placement = place(a_demand(memory_bytes=GIB), 2, nodes, SPREAD)

    assert placement.refusal is not None
    assert placement.refusal.nodes == 2
    lost = NodeRefusal(node_id=W1, node_name="w1", code="lost", message="is lost")
    small = NodeRefusal(
        node_id=W2,
        node_name="w2",
        code="resources",
        message="512 MiB memory short",
        about="memory",
        short=Resources(memory_bytes=512 * MIB),
    )
    assert placement.refusal.groups == (
        RefusalGroup("lost", "", 1, (lost,)),
        RefusalGroup("resources", "memory", 1, (small,)),
    )


def test_without_nodes_the_refusal_asks_for_a_worker() -> None:
    placement = place(a_demand(), 1, an_inventory(), SPREAD)
    assert placement.refusal is not None
    assert placement.refusal.codes() == ()
    assert placement.refusal.sentence().startswith("no workers have joined")


def test_why_not_is_silent_when_some_node_takes_it() -> None:
    nodes = an_inventory(a_stock("w1", condition=Condition.LOST), a_stock("w2"))
    assert why_not(a_demand(), nodes) is None


def test_why_not_says_the_same_as_placing() -> None:
    nodes = an_inventory(a_stock("w1"), a_stock("w2", condition=Condition.LOST))
    demand = a_demand(memory_bytes=1_000 * GIB)
    assert why_not(demand, nodes) == place(demand, 1, nodes, SPREAD).refusal


def test_of_many_nodes_only_those_that_are_still_equal_are_priced_on() -> None:
    web, small = a_task(name="db"), a_task(name="cache", memory_bytes=GIB)
    crowd = [a_stock(f"w{n}", held=[web, web]) for n in range(1, 9)]
    nodes = an_inventory(*crowd, a_stock("w9", held=[small]), a_stock("w91", held=[web]))
    assert place(a_demand(), 1, nodes, SPREAD).nodes == (node_id("w91"),)


def test_what_small_nodes_cannot_take_goes_to_the_large_one() -> None:
    nodes = an_inventory(
        a_stock("w1", capacity=Resources(100, 0, 0)),
        a_stock("w2", capacity=Resources(200, 0, 0)),
        a_stock("w3", capacity=Resources(5_000, 0, 0)),
    )
    placement = place(a_demand(cpu_millis=100), 20, nodes, SPREAD)
    assert Counter(placement.nodes) == {W1: 1, W2: 2, W3: 17}
