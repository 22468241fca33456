"""What placing promises for every cluster, every task and every strategy."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cube.core.scheduler.demand import Home
from cube.core.scheduler.explain import explain
from cube.core.scheduler.facts import look_up
from cube.core.scheduler.filters import FILTERS, refuse
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import Demand, Placement, place, why_not
from cube.core.scheduler.refusals import refusals
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.model.extras import Share
from cube.model.ids import NodeId
from cube.model.node import Availability, Condition
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Port, Preference, Spread
from cube.model.task import Task
from tests.builders import Stock, a_demand, a_stock, a_task, an_inventory, node_id

pytestmark = pytest.mark.slow

# Small amounts and few names, so that nodes run full, ports clash and costs tie.
Stocks = list[Stock]
NAMES = ("w1", "w2", "w3", "w4", "w5")
amounts = st.integers(0, 4)
strategies = st.sampled_from(list(STRATEGIES.values()))
mostly_good = st.sampled_from([True, True, True, False])


ZONE = Spread("zone")
IN_A, NEAR_DB = Preference("zone==a", weight=30), Preference(near="db", weight=-80)
kinds = st.sampled_from(["gpu", "gpu", "tpu"])
asked_extras: st.SearchStrategy[dict[str, int]] = st.just({}) | st.dictionaries(
    kinds, st.sampled_from([300, 500, 1000, 2000])
)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, object]:
    """The fields of a task: what it asks of a node."""
    host_ports = draw(st.sets(st.sampled_from([80, 443]), max_size=2))
    return {
        "name": draw(st.sampled_from(["web", "db", "batch"])),
        "cpu_millis": draw(amounts),
        "memory_bytes": draw(amounts),
        "disk_bytes": draw(amounts),
        "ports": tuple(Port(port, host_port=port) for port in sorted(host_ports)),
        "constraints": draw(st.sampled_from([(), (), ("zone==a",), ("zone!=a", "node.cpu>2")])),
        "extras_millis": draw(asked_extras),
        "spread": draw(st.sampled_from([(), (), (ZONE,), (ZONE, Spread("node.platform", 20))])),
        "prefer": draw(st.sampled_from([(), (), (IN_A,), (IN_A, NEAR_DB)])),
        "platform": draw(st.sampled_from(["", "", "linux/arm64"])),
        "max_per_node": draw(st.sampled_from([0, 0, 1, 2])),
    }


@st.composite
def stocks(draw: st.DrawFn, name: str) -> Stock:
    """One node with something on it; it may be overfull, as after its machine shrank."""
    held: list[Task] = [a_task(**spec) for spec in draw(st.lists(specs(), max_size=3))]
    capacity = st.builds(Resources, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
    return a_stock(
        name,
        held=held,
        last_placed=draw(st.integers(0, 9)),
        images=draw(st.sampled_from([(), ("busybox:latest",)])),
        capacity=draw(capacity),
        extras=draw(st.dictionaries(kinds, st.integers(0, 3))),
        platform=draw(st.sampled_from(["linux/amd64", "linux/arm64"])),
        labels=draw(st.sampled_from([{}, {"zone": "a"}, {"zone": "b"}])),
        condition=Condition.READY if draw(mostly_good) else draw(st.sampled_from(Condition)),
        availability=(
            Availability.ACTIVE if draw(mostly_good) else draw(st.sampled_from(Availability))
        ),
        runtime_error="" if draw(mostly_good) else "docker does not answer",
    )


@st.composite
def clusters(draw: st.DrawFn) -> Stocks:
    """A few nodes."""
    return [draw(stocks(name)) for name in sorted(draw(st.sets(st.sampled_from(NAMES))))]


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    """What one replica asks for; sometimes it avoids a node."""
    avoid = {} if draw(mostly_good) else {node_id(draw(st.sampled_from(NAMES))): "it failed there"}
    demand = a_demand(avoid, **draw(specs()))
    name = draw(st.sampled_from(NAMES))
    return (
        demand if draw(mostly_good) else replace(demand, home=Home(node_id(name), name, ("data",)))
    )


counts = st.integers(0, 12)


def record(
    inventory: Inventory,
    demand: Demand,
    chosen: NodeId,
    revision: int = 100,
    devices: Sequence[Share] = (),
) -> None:
    """Do what the cluster's state does with one placement."""
    inventory.hold(chosen, demand.task_id, demand.resources, demand.host_ports, devices)
    inventory.chosen(chosen, revision)


def record_all(inventory: Inventory, demand: Demand, placement: Placement) -> None:
    """Record a whole placement."""
    devices = placement.devices or ((),) * len(placement.nodes)
    for number, (chosen, shares) in enumerate(zip(placement.nodes, devices, strict=True)):
        record(inventory, demand, chosen, number, shares)


def first_devices(inventory: Inventory, row: int, demand: Demand) -> list[Share]:
    """Take the fullest device that fits, or the first whole ones, of each kind."""
    shares = []
    for extra, millis in demand.extras:
        count = inventory.node(row).facts.extras[extra]
        held = inventory.devices_on(row)
        free = [1000 - held.get((extra, device), 0) for device in range(count)]
        fits = [(left, device) for device, left in enumerate(free) if left >= min(millis, 1000)]
        for _, device in sorted(fits)[: max(1, millis // 1000)]:
            shares.append(Share(extra, device, min(millis, 1000)))
    return shares


def crowding(inventory: Inventory, demand: Demand, row: int) -> int:
    """How many replicas of the task have this node's value of the labels it spreads over, by weight."""
    crowd = 0
    for spread in demand.spread:
        mine = look_up(inventory.node(row), spread.label)
        others = inventory.replicas(demand.task_id).items()
        same = sum(n for at, n in others if look_up(inventory.node(at), spread.label) == mine)
        crowd += spread.weight * (same if mine else 1 << 40)
    return crowd


def wanting(inventory: Inventory, demand: Demand, row: int) -> int:
    """The weights of the preferences that the node meets."""
    total = 0
    for wish in demand.wishes:
        if wish.when is not None:
            total += wish.weight * wish.when.holds(inventory.node(row))
        elif wish.near is not None:
            total += wish.weight * (row in inventory.replicas(wish.near))
    return total


def priced(inventory: Inventory, demand: Demand, row: int, strategy: Strategy) -> list[float]:
    """The strategy's figures for one more replica on the row, with what a pull weighs."""
    image = demand.image
    there = inventory.images.absent(image, len(inventory.ids))
    alone = Offers(inventory, demand, np.array([row]))
    figures = [(float(term.values[0]), term.step) for term in strategy(alone)]
    if there is None:
        return [value for value, _ in figures]
    pull, costs = float(there[row]), []
    for value, step in figures:
        costs += [float(np.floor(value / step)), pull, value] if step else [value]
    return [*costs, pull]


def one_by_one(
    demand: Demand, count: int, inventory: Inventory, strategy: Strategy
) -> tuple[list[NodeId], list[tuple[Share, ...]]]:
    """Place the plain way: look at every node, take the least, record it, and begin again."""
    chosen: list[NodeId] = []
    devices: list[tuple[Share, ...]] = []
    while len(chosen) < count:
        costs = []
        for node in inventory.nodes.values():
            row = inventory.row(node.id)
            if refuse(inventory, row, demand) is None:
                cost = priced(inventory, demand, row, strategy)
                replicas = inventory.replicas(demand.task_id).get(row, 0)
                apart = (
                    crowding(inventory, demand, row),
                    replicas,
                    -wanting(inventory, demand, row),
                )
                costs.append((apart, cost, node.name, node.id))
        if not costs:
            break
        chosen.append(min(costs)[-1])
        shares = first_devices(inventory, inventory.row(chosen[-1]), demand)
        devices.append(tuple(shares))
        record(inventory, demand, chosen[-1], 100 + len(chosen), shares)
    return chosen, devices


@given(clusters(), demands(), counts, strategies)
def test_a_batch_goes_where_one_by_one_goes(
    cluster: Stocks, demand: Demand, count: int, strategy: Strategy
) -> None:
    batch = place(demand, count, an_inventory(*cluster), strategy)
    nodes, devices = one_by_one(demand, count, an_inventory(*cluster), strategy)
    assert list(batch.nodes) == nodes
    assert list(batch.devices) == (devices if demand.extras else [])


@given(clusters(), demands(), counts, strategies)
def test_only_ready_nodes_are_chosen_and_none_is_over_committed(
    cluster: Stocks, demand: Demand, count: int, strategy: Strategy
) -> None:
    inventory = an_inventory(*cluster)
    placement = place(demand, count, inventory, strategy)
    record_all(inventory, demand, placement)

    for chosen in set(placement.nodes):
        row, node = inventory.row(chosen), inventory.nodes[chosen]
        assert node.condition is Condition.READY
        assert node.availability is Availability.ACTIVE
        assert not node.runtime_error
        assert chosen not in demand.avoid
        assert all(constraint.holds(node) for constraint in demand.constraints)
        if demand.max_per_node:
            assert inventory.replicas(demand.task_id)[row] <= demand.max_per_node
        assert all(inventory.holders(port)[row] == 1 for port in demand.host_ports)
        assert all(millis <= 1000 for millis in inventory.devices_on(row).values())
        free, asked = inventory.free_on(row), demand.resources
        assert not asked.cpu_millis or free.cpu_millis >= 0
        assert not asked.memory_bytes or free.memory_bytes >= 0
        assert not asked.disk_bytes or free.disk_bytes >= 0


@given(clusters(), demands(), counts, strategies, st.integers())
def test_the_order_of_rows_decides_nothing(
    cluster: Stocks, demand: Demand, count: int, strategy: Strategy, seed: int
) -> None:
    placed = place(demand, count, an_inventory(*cluster), strategy)
    Random(seed).shuffle(cluster)
    assert place(demand, count, an_inventory(*cluster), strategy) == placed


@given(clusters(), demands(), counts, strategies)
def test_replicas_are_missing_only_where_every_node_refuses(
    cluster: Stocks, demand: Demand, count: int, strategy: Strategy
) -> None:
    inventory = an_inventory(*cluster)
    placement = place(demand, count, inventory, strategy)
    assert (placement.refusal is None) == (len(placement.nodes) == count)
    if placement.refusal is None:
        return

    assert placement.refusal.looked_at == len(cluster)
    record_all(inventory, demand, placement)
    assert why_not(demand, inventory) == placement.refusal


@given(clusters(), demands(), counts, strategies, st.sets(st.sampled_from(NAMES)))
def test_restricting_to_nodes_is_placing_in_a_cluster_of_these(
    cluster: Stocks, demand: Demand, count: int, strategy: Strategy, names: set[str]
) -> None:
    # What the cluster has and what is asked of it are part of a cost, so the others are there and refuse.
    others_lost = [
        stock
        if stock.node.name in names
        else stock._replace(node=replace(stock.node, condition=Condition.LOST))
        for stock in cluster
    ]
    only = {node_id(name) for name in names}
    restricted = place(demand, count, an_inventory(*cluster), strategy, only=only)
    assert restricted.nodes == place(demand, count, an_inventory(*others_lost), strategy).nodes


@given(clusters(), demands(), strategies)
def test_what_was_held_can_be_let_go_to_the_same_placement(
    cluster: Stocks, demand: Demand, strategy: Strategy
) -> None:
    inventory = an_inventory(*cluster)
    before = place(demand, 3, inventory, strategy)
    for node_id_ in inventory.nodes:
        held = (node_id_, demand.task_id, Resources(1, 1, 1), demand.host_ports)
        inventory.hold(*held)
        inventory.let_go(*held)
    assert place(demand, 3, inventory, strategy) == before


@given(clusters(), strategies, counts)
def test_what_asks_for_nothing_goes_to_any_ready_node(
    cluster: Stocks, strategy: Strategy, count: int
) -> None:
    demand = a_demand(name="idle")
    assert demand.resources == NOTHING
    ready = [
        stock.node.id
        for stock in cluster
        if stock.node.ready and stock.node.availability is Availability.ACTIVE
    ]
    placement = place(demand, count, an_inventory(*cluster), strategy)
    assert len(placement.nodes) == (count if ready else 0)
    assert set(placement.nodes) <= set(ready)


aheads = st.lists(st.integers(0, 3), min_size=len(NAMES), max_size=len(NAMES))


@given(clusters(), demands(), aheads)
def test_mask_and_sentence_of_every_filter_agree(
    cluster: Stocks, demand: Demand, aheads: list[int]
) -> None:
    inventory = an_inventory(*cluster)
    ahead = np.array(aheads[: len(cluster)], dtype=np.int64)
    offers = Offers(inventory, demand, inventory.rows(), ahead)

    for one in FILTERS:
        if one.concerns(demand):
            said = [one.refuse(inventory, row, demand, number) for row, number in enumerate(ahead)]
            assert one.passes(offers).tolist() == [refusal is None for refusal in said]


@given(clusters(), demands())
def test_the_room_of_a_filter_is_how_often_it_passes(cluster: Stocks, demand: Demand) -> None:
    inventory = an_inventory(*cluster)
    rows = range(len(cluster))
    for one in FILTERS:
        room = one.room(Offers(inventory, demand, inventory.rows()), 5)
        for row in rows if one.concerns(demand) else ():
            fits = [one.refuse(inventory, row, demand, ahead) is None for ahead in range(5)]
            assert fits == sorted(fits, reverse=True)
            assert sum(fits) == (fits[0] * 5 if room is None else min(5, room[row]))


@given(clusters(), demands())
def test_groups_of_refusals_are_those_of_the_nodes_one_by_one(
    cluster: Stocks, demand: Demand
) -> None:
    inventory = an_inventory(*cluster)
    said = [refuse(inventory, row, demand) for row in range(len(cluster))]
    counted: dict[tuple[str, str], set[str]] = {}
    for refusal in said:
        if refusal:
            counted.setdefault((refusal.code, refusal.about), set()).add(refusal.node_name)

    groups = refusals(Offers(inventory, demand, inventory.rows())).groups
    assert {
        (group.code, group.about): {one.node_name for one in group.named} for group in groups
    } == counted
    assert all(group.count == len(group.named) for group in groups)


@given(clusters(), demands(), strategies)
def test_an_explanation_tells_of_every_node_and_chooses_as_placing_does(
    cluster: Stocks, demand: Demand, strategy: Strategy
) -> None:
    inventory = an_inventory(*cluster)
    found = explain(demand, inventory, strategy)

    assert sorted(verdict.node_id for verdict in found.verdicts) == sorted(inventory.nodes)
    assert place(demand, 1, inventory, strategy).nodes == ((found.chosen,) if found.chosen else ())
    for verdict in found.verdicts:
        assert verdict.refusal == refuse(inventory, inventory.row(verdict.node_id), demand)
        assert bool(verdict.place) == bool(verdict.scores) == (verdict.refusal is None)
