"""The default strategy: it packs, strands little, and spreads what asks for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.fit import STEPS, fit
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import place
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.resources import NOTHING, Resources
from cube.model.task import Task
from cube.settings import ManagerSettings
from tests.builders import GIB, Stock, a_demand, a_stock, a_task, an_inventory, hold

HOST = Resources(cpu_millis=8_000, memory_bytes=32 * GIB)
BALANCED: dict[str, Any] = {"cpu_millis": 1_000, "memory_bytes": 4 * GIB}  # an eighth of both


def chosen(stocks: Sequence[Stock], **asked: Any) -> str:
    """Return the name of the node that one replica goes to."""
    inventory = an_inventory(*stocks)
    (node_id,) = place(a_demand(**asked), 1, inventory, fit).nodes
    return inventory.nodes[node_id].name


def went(stocks: Sequence[Stock], tasks: Sequence[Task]) -> list[str]:
    """Place the tasks one after the other; return where each went, an empty name where it found no place."""
    inventory = an_inventory(*stocks)
    names: list[str] = []
    for task in tasks:
        nodes = place(a_demand(spec=task.spec), 1, inventory, fit).nodes
        names.append(inventory.nodes[nodes[0]].name if nodes else "")
        if nodes:
            hold(inventory, nodes[0], task)
    return names


def test_it_is_the_default_of_a_cluster() -> None:
    assert STRATEGIES[ManagerSettings().strategy] is fit


def test_what_asks_for_nothing_goes_where_the_fewest_allocations_are() -> None:
    idle = [a_task(name=f"t{number}") for number in range(6)]
    assert went([a_stock("w1"), a_stock("w2"), a_stock("w3")], idle) == ["w1", "w2", "w3"] * 2

    db, idle_too = a_task(name="db", **BALANCED), a_task(name="idle too")
    assert chosen([a_stock("w1", held=[db]), a_stock("w2")]) == "w2"
    assert chosen([a_stock("w1", held=[db]), a_stock("w2", held=[idle_too])]) == "w2"
    assert chosen([a_stock("w1", capacity=NOTHING), a_stock("w2", held=[])]) == "w2"


def test_a_node_is_filled_before_the_next_is_opened() -> None:
    tasks = [a_task(name=f"t{number}", **BALANCED) for number in range(9)]
    names = went([a_stock("w1", capacity=HOST), a_stock("w2", capacity=HOST)], tasks)
    assert names == ["w1"] * 8 + ["w2"]


def test_a_small_machine_is_taken_where_it_is_filled() -> None:
    small = Resources(2_000, 8 * GIB)
    nodes = [a_stock("w1", capacity=HOST), a_stock("w2", capacity=small)]
    assert chosen(nodes, **BALANCED) == "w2"


def test_what_needs_cpu_goes_where_memory_is_used_up() -> None:
    nodes = [
        a_stock("w1", capacity=HOST, held=[a_task(name="a", cpu_millis=5_000, memory_bytes=GIB)]),
        a_stock("w2", capacity=HOST, held=[a_task(name="b", cpu_millis=1, memory_bytes=18 * GIB)]),
    ]
    asked: dict[str, Any] = {"cpu_millis": 2_900, "memory_bytes": GIB}
    # Best fit leaves 30 GiB on w1 with a tenth of a core.
    assert chosen(nodes, **asked, name="web") == "w2"
    assert place(a_demand(**asked), 1, an_inventory(*nodes), STRATEGIES["binpack"]).nodes == (
        nodes[0].node.id,
    )


def test_differences_within_a_step_are_left_to_best_fit() -> None:
    nodes = [
        a_stock(name, capacity=HOST, held=[a_task(cpu_millis=cpu_millis, memory_bytes=8 * GIB)])
        for name, cpu_millis in (("w1", 2_000), ("w2", 2_300))
    ]
    inventory = an_inventory(*nodes)
    stranding, free = fit(Offers(inventory, a_demand(name="new", **BALANCED), inventory.rows()))
    assert (stranding.name, free.name) == ("stranding", "free share")
    assert stranding.values.tolist() == [0.0, 0.0]
    assert free.values.argmin() == 1
    assert chosen(nodes, name="new", **BALANCED) == "w2"


def test_equal_nodes_are_taken_by_name() -> None:
    assert chosen([a_stock("w2", capacity=HOST), a_stock("w1", capacity=HOST)], **BALANCED) == "w1"


def test_nothing_is_stranded_while_no_task_asks_for_memory() -> None:
    inventory = an_inventory(a_stock("w1", capacity=HOST))
    stranding, _ = fit(Offers(inventory, a_demand(cpu_millis=7_900), inventory.rows()))
    assert stranding.values.tolist() == [0.0]


def test_what_is_left_of_a_resource_that_is_plenty_hardly_counts() -> None:
    # Everybody asks for much cpu and little memory: half of all cpu, a sixteenth of all memory.
    batch = [a_task(name=f"t{n}", cpu_millis=4_000, memory_bytes=2 * GIB) for n in (1, 2)]
    inventory = an_inventory(*(a_stock(one.spec.name, capacity=HOST, held=[one]) for one in batch))
    demand = a_demand(cpu_millis=4_000, memory_bytes=2 * GIB)
    stranding, _ = fit(Offers(inventory, demand, inventory.rows()))
    # No cpu is left to go with 28 GiB of memory, and nobody needs them: no step of the ten.
    assert stranding.values.tolist() == [0.0, 0.0]


def test_a_task_without_devices_leaves_the_nodes_that_have_them_alone() -> None:
    half = a_task(name="db", cpu_millis=4_000, memory_bytes=16 * GIB)
    nodes = [
        a_stock("w1", capacity=HOST, extras={"gpu": 2}, held=[half]),
        a_stock("w2", capacity=HOST),
    ]
    # Best fit would fill w1, and leave two GPUs with nothing to drive them.
    assert chosen(nodes, cpu_millis=4_000, memory_bytes=16 * GIB) == "w2"


def test_devices_are_taken_where_those_that_are_left_can_be_used() -> None:
    nodes = [
        a_stock("w1", capacity=HOST, extras={"gpu": 2}),
        a_stock("w2", capacity=Resources(32_000, 128 * GIB), extras={"gpu": 2}),
    ]
    # Best fit would leave a GPU with two cores on w1.
    asked: dict[str, Any] = {
        "cpu_millis": 6_000,
        "memory_bytes": 24 * GIB,
        "extras_millis": {"gpu": 1_000},
    }
    assert chosen(nodes, **asked) == "w2"


def test_replicas_of_the_task_itself_are_no_part_of_what_the_cluster_asks_for() -> None:
    web = a_task(name="web", cpu_millis=2_000, memory_bytes=GIB)
    db = a_task(name="db", cpu_millis=500, memory_bytes=12 * GIB)

    def steps(own: int) -> float:
        inventory = an_inventory(
            a_stock("w1", capacity=HOST, held=[db]), a_stock("w2", capacity=HOST, held=[web] * own)
        )
        stranding, _ = fit(Offers(inventory, a_demand(spec=web.spec), inventory.rows()))
        return float(stranding.values[0])

    assert steps(0) == steps(1) == steps(4) > 0


def test_disk_counts_where_it_is_asked_for() -> None:
    nodes = [
        a_stock("w1", capacity=Resources(8_000, 32 * GIB, 100 * GIB)),
        a_stock("w2", capacity=Resources(8_000, 32 * GIB, 20 * GIB)),
    ]
    assert chosen(nodes, disk_bytes=10 * GIB) == "w2"
    assert chosen(nodes, **BALANCED) == "w1"


@pytest.mark.parametrize("seed", range(5))
def test_it_places_more_than_best_fit_before_the_cluster_is_full(seed: int) -> None:
    shapes = [Resources(900, 13 * GIB // 2), Resources(1_700, 2 * GIB), Resources(400, GIB)]
    random = Random(seed)
    asked = [random.choice(shapes) for _ in range(400)]

    def placed(strategy: str) -> int:
        inventory = an_inventory(*(a_stock(f"w{n:02}", capacity=HOST) for n in range(30)))
        given = 0
        for number, amount in enumerate(asked):
            task = a_task(
                name=f"t{number}",
                cpu_millis=amount.cpu_millis,
                memory_bytes=amount.memory_bytes,
            )
            nodes = place(a_demand(spec=task.spec), 1, inventory, STRATEGIES[strategy]).nodes
            if nodes:
                hold(inventory, nodes[0], task)
                given += amount.cpu_millis * HOST.memory_bytes
                given += amount.memory_bytes * HOST.cpu_millis
        return given

    assert placed("fit") > placed("binpack")


amounts = st.builds(Resources, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
loads = st.lists(st.tuples(amounts, st.lists(amounts, max_size=3)), min_size=1, max_size=5)


@given(loads, amounts)
def test_the_steps_are_whole_and_no_more_than_there_are(
    nodes: list[tuple[Resources, list[Resources]]], asked: Resources
) -> None:
    inventory = an_inventory(
        *(
            a_stock(f"w{number}", capacity=capacity, held=[_a_task(amount) for amount in held])
            for number, (capacity, held) in enumerate(nodes)
        )
    )
    offers = Offers(inventory, a_demand(name="new", **_fields(asked)), inventory.rows())
    fits = [asked.fits(inventory.free_on(row)) for row in range(len(nodes))]
    for term in fit(offers) if asked != NOTHING else ():
        figures = term.values[fits]
        assert np.isfinite(figures).all()
        if term.name == "stranding":
            assert ((figures >= 0) & (figures <= STEPS) & (figures % 1 == 0)).all()


def _fields(amount: Resources) -> dict[str, Any]:
    return {
        "cpu_millis": amount.cpu_millis,
        "memory_bytes": amount.memory_bytes,
        "disk_bytes": amount.disk_bytes,
    }


def _a_task(amount: Resources) -> Task:
    return a_task(name="old", **_fields(amount))
