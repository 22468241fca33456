"""Nodes are judged by how long they were silent, and by nothing else."""

from __future__ import annotations

from math import inf

from cube.core.liveness import Brake, Leases
from cube.model.ids import NodeId
from cube.model.node import Condition
from cube.model.timing import DEFAULT_TIMING
from tests.builders import node_id

W1, W2 = node_id("w1"), node_id("w2")


def test_silence_makes_a_node_suspect_and_then_lost() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    assert leases.judge(W1, 101.9) is Condition.READY
    assert leases.judge(W1, 102.0) is Condition.SUSPECT
    assert leases.judge(W1, 104.0) is Condition.LOST


def test_overdue_nodes_come_longest_silent_first() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    leases.renew(W2, 100.5)
    leases.renew(W1, 101.0)
    assert leases.overdue(102.4) == []
    assert leases.overdue(102.5) == [W2]
    assert leases.overdue(103.0) == [W2, W1]


def test_until_the_next_verdict_nobody_need_be_judged() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    leases.judged(100.0, 0.0)
    assert leases.verdict_at == 102.0
    leases.renew(W1, 101.0)  # puts it off; looking too early does no harm
    assert leases.verdict_at == 102.0
    leases.judged(102.0, 0.0)
    assert leases.verdict_at == 103.0
    leases.judged(105.5, 165.0)  # its verdict is due, and held back
    assert leases.verdict_at == 165.0
    leases.renew(W2, 110.0)
    assert leases.verdict_at == 112.0


def test_without_nodes_no_verdict_is_due() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.judged(100.0, 0.0)
    assert leases.verdict_at == inf


def test_the_next_verdict_is_the_earliest_of_both_kinds() -> None:
    leases = Leases(DEFAULT_TIMING)
    assert leases.next_verdict(0.0) is None
    leases.renew(W1, 100.0)
    leases.renew(W2, 101.5)
    assert leases.next_verdict(101.0) == 102.0
    assert leases.next_verdict(102.5) == 103.5
    assert leases.next_verdict(103.7) == 104.0


def test_a_node_that_was_given_up_is_not_judged_again() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    leases.drop(W1)
    assert leases.overdue(1_000.0) == []
    assert leases.heard(W1) is None


def test_large_clusters_beat_slower_and_are_judged_slower() -> None:
    leases = Leases(DEFAULT_TIMING)
    for number in range(2_000):
        leases.renew(node_id(f"w{number}"), 100.0)
    assert leases.heartbeat == 4.0
    assert leases.judge(node_id("w0"), 104.0) is Condition.READY
    assert leases.lost_after == 16.0


def test_the_pace_never_quickens_under_a_node_that_was_told_to_beat_slowly() -> None:
    leases = Leases(DEFAULT_TIMING)
    for number in range(1_000):
        leases.renew(node_id(f"w{number}"), 100.0)
    for number in range(1, 1_000):
        leases.drop(node_id(f"w{number}"))
    leases.renew(node_id("w0"), 101.0)
    assert leases.heartbeat == 2.0


def test_the_managers_own_absence_is_held_against_nobody() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    leases.renew(W2, 101.0)
    leases.excuse(110.0, absence=8.0)
    assert leases.overdue(111.9) == []
    assert leases.judge(W1, 113.9) is Condition.SUSPECT
    assert leases.judge(W1, 114.0) is Condition.LOST


def test_a_node_that_stays_silent_between_two_absences_gets_no_second_fresh_lease() -> None:
    leases = Leases(DEFAULT_TIMING)
    leases.renew(W1, 100.0)
    leases.renew(W2, 100.0)
    leases.excuse(110.0, absence=8.0)
    leases.renew(W2, 111.0)
    leases.excuse(120.0, absence=7.0)
    assert (leases.heard(W1), leases.heard(W2)) == (117.0, 120.0)
    assert leases.overdue(119.5) == [W1]
    leases.renew(W1, 121.0)
    leases.excuse(130.0, absence=7.0)
    assert leases.heard(W1) == 130.0


def silent(*names: str, since: float = 0.0) -> dict[NodeId, float]:
    return {node_id(name): since for name in names}


def test_the_brake_ignores_single_losses_and_small_clusters() -> None:
    brake = Brake(DEFAULT_TIMING)
    assert not brake.check(silent("a"), 50, at=0.0)
    assert not brake.check(silent("a", "b"), 2, at=20.0)
    assert not brake.holds(20.0)


def test_the_brake_holds_when_too_many_are_lost_within_its_window() -> None:
    brake = Brake(DEFAULT_TIMING)
    assert not brake.check(silent("a", "b"), 6, at=0.0)
    assert brake.check(silent("c"), 6, at=9.0)
    assert brake.holds(68.9)
    assert not brake.holds(69.0)


def test_losses_far_apart_do_not_add_up() -> None:
    brake = Brake(DEFAULT_TIMING)
    assert not brake.check(silent("a", "b"), 6, at=0.0)
    assert not brake.check(silent("c"), 6, at=10.1)


def test_one_node_that_comes_and_goes_never_brings_the_brake_on() -> None:
    brake = Brake(DEFAULT_TIMING)
    for round in range(20):
        assert not brake.check(silent("a", since=round * 4.1), 3, at=round * 4.1 + 4.0)
    assert brake.held_until == 0.0


def test_after_the_hold_the_verdict_stands() -> None:
    brake = Brake(DEFAULT_TIMING)
    assert brake.check(silent("a", "b", "c", "d"), 6, at=4.0)
    assert not brake.check(silent("a", "b", "c", "d"), 6, at=64.0)
    assert not brake.holds(64.0)
    assert not brake.check(silent("e", since=63.0), 6, at=67.0)


def test_nodes_that_were_heard_after_a_hold_are_held_back_again() -> None:
    brake = Brake(DEFAULT_TIMING)
    assert brake.check(silent("a", "b", "c", "d"), 6, at=4.0)
    assert brake.check(silent("a", "b", "c", "d", since=3_000.0), 6, at=3_004.0)
    assert brake.holds(3_063.9)
