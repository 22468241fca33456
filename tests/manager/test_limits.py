"""Buckets: so many at once, then at a pace, each key for itself."""

from __future__ import annotations

from cube.manager import limits
from cube.manager.limits import Buckets


class Now:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_so_many_at_once_and_then_at_the_pace() -> None:
    now = Now()
    buckets = Buckets(0.5, 3, now)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("b") == 0
    now.seconds += 1
    assert buckets.take("a") == 1
    now.seconds += 1
    assert [buckets.take("a"), buckets.take("a")] == [0, 2]


def test_a_bucket_never_holds_more_than_it_can() -> None:
    now = Now()
    buckets = Buckets(1, 2, now)
    buckets.take("a")
    now.seconds += 1_000
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]


def test_only_so_many_are_remembered() -> None:
    buckets = Buckets(1, 1, Now())
    for number in range(limits.REMEMBERED + 5):
        buckets.take(str(number))
    assert len(buckets._buckets) == limits.REMEMBERED
