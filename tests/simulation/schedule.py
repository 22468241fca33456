"""Virtual time: one queue of everything that is going to happen, clocks that show it wrongly, processes that die."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from cube.model.timing import Instant

Action = Callable[..., None]

ENDLESS = 300_000  # steps; the longest histories have 20,000


class Schedule:
    """What happens when, the earliest first; at the same time, what was put in first."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self._queue: list[tuple[float, int, Action, tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, action: Action, *told: Any) -> None:
        """Let this happen then, or now where `when` is past."""
        self._count += 1
        heappush(self._queue, (max(when, self.now), self._count, action, told))

    def after(self, seconds: float, action: Action, *told: Any) -> None:
        """Let this happen so much later."""
        self._count += 1
        heappush(self._queue, (self.now + seconds, self._count, action, told))

    def run(self, until: float) -> None:
        """Let everything happen that is due until then."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, action, told = heappop(queue)
            self.steps += 1
            if self.steps > ENDLESS:
                raise RuntimeError(f"no end to what happens at {self.now:.3f}")
            action(*told)
        self.now = until


class Clock:
    """A machine's clocks. The monotonic one drifts and never goes back; the wall may be set to anything."""

    def __init__(self, schedule: Schedule, *, offset: float, rate: float, wall: float) -> None:
        self._schedule = schedule
        self._offset = offset
        self.rate = rate
        self.wall = wall  # how far the wall clock is ahead of the monotonic one

    def monotonic(self) -> float:
        """The monotonic second."""
        return self._offset + self._schedule.now * self.rate

    def now(self) -> Instant:
        """What both clocks show."""
        monotonic = self.monotonic()
        return Instant(monotonic, round((monotonic + self.wall) * 1000))

    def due(self, monotonic: float) -> float:
        """Return when, in true time, the monotonic clock will show this."""
        # A hair later: rounding must not wake anybody just before the time it asked for.
        return (monotonic - self._offset) / self.rate + 1e-9


class Process:
    """What a program does is done by its process: not at all when that is dead, later when it is paused."""

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self.schedule = schedule
        self.clock = clock
        self.alive = True
        self.paused = False
        self.paused_at = 0.0
        self._held: list[tuple[Action, tuple[Any, ...]]] = []
        self._overdue: list[tuple[Action, tuple[Any, ...]]] = []

    @property
    def held(self) -> list[tuple[Action, tuple[Any, ...]]]:
        """What came from outside since it was paused."""
        return self._held

    def call(self, action: Action, *told: Any) -> None:
        """Do this in the process."""
        if self.paused:
            self._held.append((action, told))
        elif self.alive:
            action(*told)

    def after(self, seconds: float, action: Action, *told: Any) -> None:
        """Do this after so many seconds by the process's own clock."""
        self.schedule.after(seconds / self.clock.rate, self._ring, action, *told)

    def at(self, when: float, action: Action, *told: Any) -> None:
        """Do this at that true time."""
        self.schedule.at(when, self._ring, action, *told)

    def _ring(self, action: Action, *told: Any) -> None:
        if self.paused:
            self._overdue.append((action, told))
        elif self.alive:
            action(*told)

    def pause(self) -> None:
        """SIGSTOP: nothing is done until `resume`, and everything then: timers first, then what waits in sockets."""
        if not self.paused:
            self.paused, self.paused_at = True, self.schedule.now

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        held = self._overdue + self._held
        self._overdue, self._held = [], []
        for action, told in held:
            self.call(action, *told)

    def kill(self) -> None:
        """SIGKILL."""
        self.alive = self.paused = False
        self._held.clear()
        self._overdue.clear()
