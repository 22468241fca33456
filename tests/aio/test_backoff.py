"""Pauses between retries: how they grow, how they spread, how they start anew."""

from __future__ import annotations

from cube.aio.backoff import Backoff


def pauses(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next() for _ in range(count)]


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    assert pauses(Backoff(1.0, 5.0, draw=lambda: 1.0), 5) == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_lucky_draw_halves_the_pause_and_no_more() -> None:
    assert pauses(Backoff(1.0, 5.0, draw=lambda: 0.0), 4) == [0.5, 1.0, 2.0, 2.5]


def test_those_that_failed_together_return_apart() -> None:
    crowd = [Backoff(1.0, 5.0).next() for _ in range(50)]
    assert len(set(crowd)) > 1
    assert all(0.5 <= pause <= 1.0 for pause in crowd)


def test_after_a_success_the_pauses_start_from_the_first() -> None:
    backoff = Backoff(1.0, 5.0, draw=lambda: 1.0)
    pauses(backoff, 4)
    backoff.reset()
    assert pauses(backoff, 2) == [1.0, 2.0]
