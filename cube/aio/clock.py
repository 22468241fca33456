"""The only reader of time in cube's daemons."""

from __future__ import annotations

import time
from typing import Protocol

from cube.model.timing import Instant


class Clock(Protocol):
    """Tells the time by both clocks."""

    def now(self) -> Instant:
        """Return this instant. `monotonic` counts while the machine sleeps, and never goes back."""


class SystemClock:
    """The machine's clocks. CLOCK_BOOTTIME, because a lease must run out on a machine that was suspended."""

    def now(self) -> Instant:
        """Return this instant."""
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)


class HandClock:
    """A clock that moves only when told to."""

    def __init__(self, monotonic: float = 1_000.0, wall_ms: int = 1_700_000_000_000) -> None:
        self._now = Instant(monotonic, wall_ms)

    def now(self) -> Instant:
        """Return the instant it was turned to."""
        return self._now

    def advance(self, seconds: float) -> Instant:
        """Let both clocks go on by `seconds` and return the new instant."""
        self._now = Instant(
            self._now.monotonic + seconds, self._now.wall_ms + round(seconds * 1000)
        )
        return self._now
