"""What all nodes have together follows every change of the inventory."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.scheduler.inventory import Inventory
from cube.model.ids import TaskId
from cube.model.node import Facts, Node
from cube.model.resources import Resources
from tests.builders import node_id

W1, W2, TASK = node_id("w1"), node_id("w2"), TaskId("t")
ASKED = Resources(100, 1_000, 10)


def a_node(name: str, cpu_millis: int) -> Node:
    return Node(id=node_id(name), facts=Facts(name=name, capacity=Resources(cpu_millis, 9_000, 90)))


def test_totals_follow_nodes_that_come_change_and_go() -> None:
    inventory = Inventory([a_node("w1", 1_000), a_node("w2", 2_000)])
    assert inventory.totals.capacity == Resources(3_000, 18_000, 180)
    grown = a_node("w1", 4_000)
    inventory.put(replace(grown, epoch=2))
    assert inventory.totals.capacity == Resources(6_000, 18_000, 180)
    inventory.drop(W1)
    assert inventory.totals.capacity == Resources(2_000, 9_000, 90)


def test_totals_follow_what_is_held_let_go_and_forgotten_with_its_node() -> None:
    inventory = Inventory([a_node("w1", 1_000), a_node("w2", 2_000)])
    for node in (W1, W2, W2):
        inventory.hold(node, TASK, ASKED, ())
    totals = inventory.totals
    assert (totals.cpu_reserved, totals.memory_reserved) == (300, 3_000)
    inventory.let_go(W1, TASK, ASKED, ())
    assert (totals.cpu_reserved, totals.memory_reserved) == (200, 2_000)
    inventory.drop(W2)
    assert (totals.cpu_reserved, totals.memory_reserved) == (0, 0)


def test_the_totals_of_an_excerpt_are_its_own() -> None:
    inventory = Inventory([a_node("w1", 1_000)])
    copy = inventory.excerpt((), (), "", ((), ()))
    copy.hold(W1, TASK, ASKED, ())
    assert copy.totals.cpu_reserved == 100
    assert inventory.totals.cpu_reserved == 0
    assert copy.totals.capacity == inventory.totals.capacity
