"""The columns of the nodes follow what is held on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.scheduler.constraints import parse
from cube.core.scheduler.inventory import Inventory
from cube.model.node import Availability, Condition
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Port, Protocol
from tests.builders import (
    GIB,
    a_node,
    a_stock,
    a_task,
    an_inventory,
    hold,
    node_id,
    task_id,
)

WEB = a_task(
    name="web", cpu_millis=500, memory_bytes=GIB, disk_bytes=GIB, ports=(Port(80, host_port=8080),)
)
W1, W2 = node_id("w1"), node_id("w2")


def let_go_of_web(inventory: Inventory) -> None:
    inventory.let_go(W1, WEB.id, WEB.spec.demand, WEB.spec.host_ports)


def numbers(inventory: Inventory) -> list[object]:
    """Everything that is known of every node."""
    return [
        (
            inventory.free_on(row),
            int(inventory.count[row]),
            inventory.tasks_on(row),
            inventory.ports_on(row),
        )
        for row in map(inventory.row, inventory.nodes)
    ]


def test_an_empty_node_has_all_its_capacity_free() -> None:
    inventory = an_inventory(a_stock(capacity=Resources(4_000, 8 * GIB, 0)))
    assert inventory.free_on(0) == Resources(4_000, 8 * GIB, 0)
    assert inventory.reserved(0) == NOTHING


def test_holding_reserves_and_counts() -> None:
    stock = a_stock(held=[WEB, WEB], capacity=Resources(4_000, 8 * GIB, 9 * GIB))
    assert numbers(an_inventory(stock)) == [
        (Resources(3_000, 6 * GIB, 7 * GIB), 2, {WEB.id: 2}, {(8080, Protocol.TCP): 2})
    ]


def test_a_port_held_twice_stays_taken_until_both_let_go() -> None:
    inventory = an_inventory(a_stock(held=[WEB, WEB]))

    let_go_of_web(inventory)
    assert inventory.holders((8080, Protocol.TCP)) == {0: 1}
    let_go_of_web(inventory)
    assert inventory.holders((8080, Protocol.TCP)) == {}


def test_letting_go_of_what_is_not_held_is_refused() -> None:
    with pytest.raises(KeyError):
        an_inventory(a_stock()).let_go(W1, task_id("web"), NOTHING, ())


def test_a_shrunk_machine_has_less_than_nothing_free_and_keeps_what_it_holds() -> None:
    inventory = an_inventory(a_stock(held=[WEB]))
    inventory.put(a_node("w1", capacity=Resources(100, 0, 0)))

    assert inventory.free_on(0) == Resources(-400, -GIB, -GIB)
    assert inventory.reserved(0) == WEB.spec.demand


@pytest.mark.parametrize(
    "fields",
    [
        {"condition": Condition.SUSPECT},
        {"availability": Availability.CORDONED},
        {"runtime_error": "docker does not answer"},
    ],
)
def test_only_a_node_that_takes_work_is_open(fields: dict) -> None:
    inventory = an_inventory(a_stock("w1", **fields), a_stock("w2"))
    assert inventory.open.tolist() == [False, True]
    inventory.put(a_node("w1"))
    assert inventory.open.tolist() == [True, True]


def test_a_forgotten_node_leaves_nothing_behind_for_the_next_one_of_its_row() -> None:
    inventory = an_inventory(a_stock("w1", held=[WEB], last_placed=3), a_stock("w2", held=[WEB]))
    inventory.drop(W1)

    assert list(inventory.nodes) == [W2]
    assert inventory.replicas(WEB.id) == {1: 1}
    assert inventory.holders((8080, Protocol.TCP)) == {1: 1}
    assert list(inventory.rows()) == [1]  # type: ignore[arg-type]  # an array where a row is unused
    assert not inventory.open[0]

    inventory.put(a_node("w3", capacity=Resources(1_000, 0, 0)))
    assert inventory.row(node_id("w3")) == 0
    assert inventory.free_on(0) == Resources(1_000, 0, 0)
    assert inventory.last_placed[0] == 0


def test_rows_are_ranked_by_name_and_then_by_id() -> None:
    names = ["w3", "w1", "w10", "w1"]
    inventory = an_inventory(
        *(a_stock(name, id=f"id-{9 - place}") for place, name in enumerate(names))
    )
    assert inventory.rank.tolist() == [3, 1, 2, 0]


def test_a_renamed_node_takes_its_new_rank() -> None:
    inventory = an_inventory(a_stock("w1"), a_stock("w2"))
    assert inventory.rank.tolist() == [0, 1]
    inventory.put(a_node("w9", id=W1))
    assert inventory.rank.tolist() == [1, 0]


def test_a_constraint_is_matched_anew_where_facts_change() -> None:
    eu = parse("zone==eu")
    inventory = an_inventory(a_stock("w1"), a_stock("w2", labels={"zone": "eu"}))
    assert inventory.matching(eu).tolist() == [False, True]

    inventory.put(a_node("w1", labels={"zone": "eu"}))
    inventory.put(a_node("w3", labels={"zone": "eu"}))
    assert inventory.matching(eu).tolist() == [True, True, True]


def test_values_of_a_label_are_numbered_anew_where_facts_change() -> None:
    inventory = an_inventory(a_stock("w1"), a_stock("w2", labels={"zone": "eu"}))
    assert inventory.values_of("zone")[0].tolist() == [-1, 0]

    inventory.put(a_node("w1", labels={"zone": "us"}))
    codes, values = inventory.values_of("zone")
    assert (codes.tolist(), values) == ([1, 0], 2)


def test_replicas_are_counted_in_the_column_that_is_kept() -> None:
    inventory = an_inventory(a_stock("w1", held=[WEB]), a_stock("w2"))
    column = inventory.replicas_column(WEB.id)
    assert column is not None
    assert column.tolist() == [1, 0]

    hold(inventory, W2, WEB)
    let_go_of_web(inventory)
    again = inventory.replicas_column(WEB.id)
    assert again is not None
    assert again.tolist() == [0, 1]
    assert inventory.replicas_column(task_id("db")) is None


def test_more_nodes_than_there_was_room_for_keep_their_numbers() -> None:
    inventory = Inventory()
    for number in range(50):
        inventory.put(a_node(f"w{number}", capacity=Resources(number, 0, 0)))
        inventory.hold(node_id(f"w{number}"), WEB.id, Resources(1, 0, 0), ())
    assert inventory.cpu_free.tolist() == [number - 1 for number in range(50)]
    assert len(inventory) == 50


def test_only_the_last_questions_are_kept() -> None:
    inventory = an_inventory(a_stock("w1", labels={"n": "99"}))
    for number in range(100):
        assert inventory.matching(parse(f"n=={number}")).tolist() == [number == 99]
    assert len(inventory._lookups._masks) < 100


holds = st.tuples(
    st.sampled_from([W1, W2]),
    st.sampled_from([task_id("a"), task_id("b")]),
    st.builds(Resources, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.sets(st.tuples(st.integers(1, 3), st.sampled_from(Protocol))).map(tuple),
)


@given(st.lists(holds), st.randoms(use_true_random=False))
def test_letting_go_undoes_holding_in_any_order(held: list, order) -> None:  # type: ignore[no-untyped-def]
    inventory = an_inventory(a_stock("w1"), a_stock("w2"))
    before = numbers(inventory)
    for one in held:
        inventory.hold(*one)

    order.shuffle(held)
    for one in held:
        inventory.let_go(*one)

    assert numbers(inventory) == before
