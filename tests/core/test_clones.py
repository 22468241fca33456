"""A clone is told from a worker that dials again, and from one that is restarted."""

from __future__ import annotations

import pytest

from cube.core.clones import Clones
from cube.core.inputs import Connect
from cube.model.node import Facts
from cube.model.timing import DEFAULT_TIMING
from tests.builders import a_node, node_id

W1 = node_id("w1")


def refused(
    clones: Clones, incarnation: str, at: float, *, live: bool = True, quarantined: bool = False
) -> bool:
    hello = Connect(node_id=W1, cluster_id="c1", facts=Facts(name="w1"), incarnation=incarnation)
    return clones.refuses(hello, live=live, quarantined=quarantined, at=at)


def answers(*incarnations: str, every: float = 0.2, live: bool = True) -> list[bool]:
    """Whether each is refused; all but the first find the session of the one before, if `live`."""
    clones = Clones(DEFAULT_TIMING)
    return [
        refused(clones, one, 100.0 + number * every, live=live and number > 0)
        for number, one in enumerate(incarnations)
    ]


def test_two_that_take_turns_are_refused_when_no_late_message_explains_it() -> None:
    assert answers("a", "b", "a", "b", "a") == [False, False, False, False, True]


def test_three_that_take_turns_are_refused_too() -> None:
    assert answers("a", "b", "c", "a", "b", "c")[-1]


@pytest.mark.parametrize(
    "incarnations",
    [("a",) * 20, tuple("abcdefghij"), ("a", "b", "a", "b"), ("",) * 20],
    ids=["dials again", "is restarted", "a late hello", "says no incarnation"],
)
def test_one_alone_is_never_refused(incarnations: tuple[str, ...]) -> None:
    assert not any(answers(*incarnations))


def test_who_finds_no_open_session_pushes_nobody_out() -> None:
    assert not any(answers(*"abababab", live=False))


def test_returns_far_apart_do_not_add_up() -> None:
    assert not any(answers(*"abababab", every=31.0))


def test_the_quarantine_ends_for_the_one_that_is_alone_for_long() -> None:
    clones = Clones(DEFAULT_TIMING)
    for number, one in enumerate("ababa"):
        refused(clones, one, 100.0 + number, live=number > 0)
    for second in range(105, 164):
        assert refused(clones, "a", float(second), live=False, quarantined=True)
    assert not refused(clones, "a", 164.0, live=False, quarantined=True)
    assert not refused(clones, "a", 165.0)


def test_the_quarantine_lasts_while_both_go_on_calling() -> None:
    clones = Clones(DEFAULT_TIMING)
    for number, one in enumerate("ababa"):
        refused(clones, one, 100.0 + number, live=number > 0)
    for second in range(105, 405, 2):
        assert refused(clones, "b", float(second), live=False, quarantined=True)
        assert refused(clones, "a", second + 1.0, live=False, quarantined=True)


def test_after_a_managers_start_both_have_a_window_to_call() -> None:
    clones = Clones(DEFAULT_TIMING)
    clones.restore(a_node("w1", quarantine="two of them"), 100.0)
    clones.restore(a_node("w2"), 100.0)
    assert refused(clones, "a", 159.0, live=False, quarantined=True)
    assert not refused(clones, "a", 160.0, live=False, quarantined=True)


def test_what_was_heard_is_forgotten_with_the_node() -> None:
    clones = Clones(DEFAULT_TIMING)
    for number, one in enumerate("abab"):
        refused(clones, one, 100.0 + number, live=number > 0)
    clones.forget(W1)
    assert not refused(clones, "a", 104.0)
