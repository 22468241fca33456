"""The character of each strategy, and what all have in common."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import place
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.resources import NOTHING, Resources
from cube.model.task import Task
from tests.builders import GIB, Stock, a_demand, a_stock, a_task, an_inventory, hold

every_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))


def put(strategy: str, *stocks: Stock, count: int = 1, **asked: Any) -> list[str]:
    """Return the names of the nodes that replicas of the task go to."""
    inventory = an_inventory(*stocks)
    placement = place(a_demand(**asked), count, inventory, STRATEGIES[strategy])
    return [inventory.nodes[node_id].name for node_id in placement.nodes]


def put_all(strategy: str, stocks: list[Stock], tasks: list[Task]) -> Counter[str]:
    """Place one replica of each task, recording each before the next; return how many went where."""
    went: Counter[str] = Counter()
    inventory = an_inventory(*stocks)
    for revision, task in enumerate(tasks, start=1):
        placement = place(a_demand(spec=task.spec), 1, inventory, STRATEGIES[strategy])
        (node_id,) = placement.nodes
        hold(inventory, node_id, task)
        inventory.chosen(node_id, revision)
        went[inventory.nodes[node_id].name] += 1
    return went


def tasks(count: int, **spec: Any) -> list[Task]:
    return [a_task(name=f"t{number}", **spec) for number in range(count)]


def test_the_strategies_have_the_names_users_write() -> None:
    assert set(STRATEGIES) == {"fit", "spread", "binpack", "round-robin", "epvm"}


@every_strategy
def test_replicas_of_one_task_avoid_each_other_before_anything_else(strategy: str) -> None:
    web = a_task(name="web", cpu_millis=100)
    crowd = tasks(9, cpu_millis=100)

    nodes = [
        a_stock("w1", held=[web]),
        a_stock("w2", held=crowd, last_placed=9),
        a_stock("w3", held=[web, web]),
    ]
    assert put(strategy, *nodes, spec=web.spec) == ["w2"]
    assert Counter(put(strategy, *nodes, spec=web.spec, count=6)) == {"w2": 3, "w1": 2, "w3": 1}


@every_strategy
@pytest.mark.parametrize("asked", [{}, {"cpu_millis": 100}])
def test_equal_nodes_are_taken_by_name(strategy: str, asked: dict[str, int]) -> None:
    nodes = [a_stock(name) for name in ("w3", "w1", "w2")]
    assert put(strategy, *nodes, count=3, **asked) == ["w1", "w2", "w3"]


@every_strategy
def test_nodes_of_one_name_are_taken_by_id(strategy: str) -> None:
    twins = [a_stock("w1", id=node_id) for node_id in ("b", "a")]
    placement = place(a_demand(), 2, an_inventory(*twins), STRATEGIES[strategy])
    assert placement.nodes == ("a", "b")


def test_spread_evens_out_the_number_of_allocations() -> None:
    nodes = [a_stock("w1", held=tasks(4)), a_stock("w2"), a_stock("w3")]
    assert put_all("spread", nodes, tasks(8)) == {"w2": 4, "w3": 4}


def test_spread_takes_the_less_utilised_of_equally_many() -> None:
    nodes = [
        a_stock("w1", held=[a_task(name="big", memory_bytes=6 * GIB)]),
        a_stock("w2", held=[a_task(name="small", cpu_millis=100)]),
    ]
    assert put("spread", *nodes) == ["w2"]


def test_spread_looks_at_the_resource_that_runs_out_first() -> None:
    nodes = [
        a_stock("w1", capacity=Resources(4_000, GIB, 1_000 * GIB)),
        a_stock("w2", capacity=Resources(4_000, 2 * GIB, 0)),
    ]
    assert put("spread", *nodes, memory_bytes=GIB) == ["w2"]


def test_spread_does_not_take_a_node_without_figures_for_an_idle_one() -> None:
    nodes = [a_stock("w1", capacity=NOTHING), a_stock("w2")]
    assert put("spread", *nodes) == ["w2"]


def test_binpack_fills_one_node_before_it_opens_the_next() -> None:
    nodes = [a_stock(f"w{n}", capacity=Resources(1_000, 8 * GIB, 0)) for n in (1, 2, 3)]
    assert put_all("binpack", nodes, tasks(7, cpu_millis=250)) == {"w1": 4, "w2": 3}


def test_binpack_prefers_the_closest_fit() -> None:
    nodes = [
        a_stock("w1", capacity=Resources(8_000, 8 * GIB, 0)),
        a_stock("w2", capacity=Resources(2_000, 2 * GIB, 0)),
    ]
    assert put("binpack", *nodes, cpu_millis=1_500, memory_bytes=GIB) == ["w2"]
    assert put("binpack", *nodes, cpu_millis=2_500, memory_bytes=GIB) == ["w1"]


def test_binpack_looks_at_requested_resources_only() -> None:
    nodes = [
        a_stock("w1", held=[a_task(name="db", memory_bytes=7 * GIB)]),
        a_stock("w2", held=[a_task(name="batch", cpu_millis=2_000)]),
    ]
    assert put("binpack", *nodes, cpu_millis=100) == ["w2"]
    assert put("binpack", *nodes, disk_bytes=GIB, memory_bytes=GIB) == ["w1"]


def test_binpack_leaves_whole_devices_free() -> None:
    half = a_task(name="half", extras_millis={"gpu": 500})
    nodes = [
        a_stock("w1"),
        a_stock("w2", extras={"gpu": 2}),
        a_stock("w3", extras={"gpu": 2}, held=[half]),
    ]
    assert put("binpack", *nodes, extras_millis={"gpu": 500}) == ["w3"]


def test_binpack_puts_what_asks_for_nothing_where_most_is() -> None:
    nodes = [a_stock("w1"), a_stock("w2", held=[a_task(name="db")])]
    assert put_all("binpack", nodes, tasks(5)) == {"w2": 5}


def test_round_robin_rotates() -> None:
    nodes = [a_stock(name) for name in ("w1", "w2", "w3")]
    assert put_all("round-robin", nodes, tasks(6)) == {"w1": 2, "w2": 2, "w3": 2}

    nodes = [a_stock(name) for name in ("w1", "w2", "w3")]
    assert put("round-robin", *nodes, count=7) == ["w1", "w2", "w3", "w1", "w2", "w3", "w1"]


def test_round_robin_goes_on_where_the_record_says() -> None:
    nodes = [
        a_stock("w1", last_placed=12),
        a_stock("w2", last_placed=10),
        a_stock("w3", last_placed=11),
    ]
    assert put("round-robin", *nodes, count=3) == ["w2", "w3", "w1"]


def test_round_robin_counts_a_pick_of_the_batch_as_the_most_recent() -> None:
    web = a_task(name="web")
    nodes = [a_stock("w1", held=[web], last_placed=12), a_stock("w2", last_placed=10)]
    assert put("round-robin", *nodes, spec=web.spec, count=3) == ["w2", "w1", "w2"]


def test_round_robin_asks_a_new_node_first() -> None:
    nodes = [a_stock("w1", last_placed=1), a_stock("w9")]
    assert put("round-robin", *nodes) == ["w9"]


def test_round_robin_keeps_the_turn_of_a_node_that_could_not() -> None:
    nodes = [
        a_stock("w1", last_placed=1, runtime_error="docker does not answer"),
        a_stock("w2", last_placed=2),
    ]
    assert put("round-robin", *nodes) == ["w2"]

    nodes[0] = a_stock("w1", last_placed=1)
    nodes[1] = a_stock("w2", last_placed=3)
    assert put("round-robin", *nodes) == ["w1"]


def test_epvm_avoids_the_resource_that_is_scarce() -> None:
    nodes = [
        a_stock("w1", held=[a_task(name="db", memory_bytes=7 * GIB)]),
        a_stock("w2", held=[a_task(name="batch", cpu_millis=3_500)]),
    ]
    assert put("epvm", *nodes, memory_bytes=GIB // 2) == ["w2"]
    assert put("epvm", *nodes, cpu_millis=100) == ["w1"]


def test_epvm_prefers_the_larger_machine() -> None:
    nodes = [
        a_stock("w1", capacity=Resources(2_000, 2 * GIB, 0)),
        a_stock("w2", capacity=Resources(16_000, 64 * GIB, 0)),
    ]
    assert put("epvm", *nodes, cpu_millis=500, memory_bytes=GIB) == ["w2"]


def test_epvm_does_not_pile_up_what_asks_for_nothing() -> None:
    nodes = [a_stock(name) for name in ("w1", "w2", "w3")]
    assert put_all("epvm", nodes, tasks(6)) == {"w1": 2, "w2": 2, "w3": 2}


def test_epvm_never_scores_a_node_without_figures_best() -> None:
    nodes = [a_stock("w1", capacity=NOTHING), a_stock("w2", held=tasks(30))]
    assert put("epvm", *nodes) == ["w2"]


@pytest.mark.parametrize("count", [1, 2])
def test_epvm_distinguishes_load_in_the_smallest_cluster(count: int) -> None:
    nodes = [a_stock(f"w{number}", held=tasks(1, cpu_millis=2_000)) for number in range(count)]
    inventory = an_inventory(*nodes)
    marginal, _ = STRATEGIES["epvm"](
        Offers(inventory, a_demand(cpu_millis=1_000), inventory.rows())
    )
    assert marginal.values.tolist() == pytest.approx([2**0.75 - 2**0.5] * count)


def published_cost(stock: Stock, extra: Resources, nodes: int) -> float:
    """Return the cost of a machine as Amir et al. define it, over every resource the machine has."""
    capacity = stock.node.facts.capacity
    reserved = sum((task.spec.demand for task in stock.held), extra)
    figures = (
        (reserved.cpu_millis, capacity.cpu_millis),
        (reserved.memory_bytes, capacity.memory_bytes),
        (reserved.disk_bytes, capacity.disk_bytes),
    )
    return sum(nodes ** (reserved / total) for reserved, total in figures if total)


amounts = st.builds(
    Resources, st.integers(0, 900), st.integers(0, 2 * GIB), st.sampled_from([0, GIB])
)


@given(st.lists(st.lists(amounts, max_size=4), min_size=2, max_size=6), amounts)
def test_epvm_takes_the_least_marginal_cost_of_the_published_formula(
    loads: list[list[Resources]], demand: Resources
) -> None:
    nodes = {}
    for number, load in enumerate(loads):
        held = [
            a_task(
                name=f"t{index}",
                cpu_millis=amount.cpu_millis,
                memory_bytes=amount.memory_bytes,
                disk_bytes=amount.disk_bytes,
            )
            for index, amount in enumerate(load)
        ]
        nodes[f"w{number}"] = a_stock(
            f"w{number}",
            held=held,
            capacity=Resources(6_000 + 500 * number, 11 * GIB, 10 * GIB),
        )
    marginal = {
        name: published_cost(node, demand, len(nodes)) - published_cost(node, NOTHING, len(nodes))
        for name, node in nodes.items()
    }

    (chosen,) = put(
        "epvm",
        *nodes.values(),
        cpu_millis=demand.cpu_millis,
        memory_bytes=demand.memory_bytes,
        disk_bytes=demand.disk_bytes,
    )

    assert marginal[chosen] == pytest.approx(min(marginal.values()), abs=1e-9)
