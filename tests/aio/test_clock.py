"""The clocks that daemons go by, and the one that tests turn."""

from __future__ import annotations

import time

import pytest

from cube.aio.clock import HandClock, SystemClock
from cube.model.timing import Instant


def test_the_system_clock_shows_the_time_of_both_clocks() -> None:
    earliest = Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)
    now = SystemClock().now()
    latest = Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)
    assert earliest.monotonic <= now.monotonic <= latest.monotonic
    assert earliest.wall_ms <= now.wall_ms <= latest.wall_ms


def test_a_lease_runs_out_on_a_machine_that_was_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    after_a_night = {time.CLOCK_MONOTONIC: 60.0, time.CLOCK_BOOTTIME: 30_000.0}
    monkeypatch.setattr(time, "clock_gettime", after_a_night.__getitem__)
    assert SystemClock().now().monotonic == 30_000.0


def test_a_hand_clock_stands_until_it_is_turned() -> None:
    clock = HandClock(monotonic=10.0, wall_ms=5_000)
    assert clock.now() == clock.now() == Instant(10.0, 5_000)


def test_turning_a_hand_clock_moves_both_clocks_alike() -> None:
    clock = HandClock(monotonic=10.0, wall_ms=5_000)
    assert clock.advance(1.5) == clock.now() == Instant(11.5, 6_500)
