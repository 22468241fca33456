"""Amounts by the priority of who holds them."""

from __future__ import annotations

from cube.core.scheduler.yielding import Yielding
from cube.model.resources import Resources


def test_what_is_held_below_a_priority_is_summed_up_per_row() -> None:
    yielding = Yielding()
    yielding.add(0, 10, Resources(1, 2, 3), 1)
    yielding.add(0, 50, Resources(10, 20, 30), 1)
    yielding.add(2, 10, Resources(5), 1)
    assert yielding.below(50, 3).tolist() == [[1, 0, 5], [2, 0, 0], [3, 0, 0]]
    assert yielding.below(51, 3).tolist() == [[11, 0, 5], [22, 0, 0], [33, 0, 0]]
    yielding.add(0, 10, Resources(1, 2, 3), -1)
    assert yielding.below(50, 1).tolist() == [[0], [0], [0]]


def test_what_was_counted_stays_counted_when_a_node_joins() -> None:
    yielding = Yielding()
    yielding.add(0, 10, Resources(1, 2, 3), 1)
    yielding.add(100, 10, Resources(4), 1)
    assert yielding.below(11, 101)[:, [0, 100]].tolist() == [[1, 4], [2, 0], [3, 0]]


def test_more_rows_are_counted_as_they_come_and_forgotten_as_they_go() -> None:
    yielding = Yielding()
    yielding.add(100, 10, Resources(1), 1)
    assert yielding.below(11, 200)[0, 100] == 1
    yielding.forget(100)
    yielding.forget(5_000)
    assert not yielding.below(11, 200).any()
