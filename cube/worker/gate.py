"""Lets so many begin at once; the urgent overtake those who wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Begin = Callable[[], None]


class Gate:
    """Two queues before a number of places. A container that is made is started before the next one is made, so that
    the first of a hundred runs as soon as the first of one. Who waits is a function to call, and costs no task."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._urgent: deque[Begin] = deque()
        self._patient: deque[Begin] = deque()

    def enter(self, begin: Begin, *, urgent: bool) -> None:
        """Call `begin` as soon as there is a place: now, or when enough others have left. It must not raise."""
        if self._free:
            self._free -= 1
            begin()
        else:
            (self._urgent if urgent else self._patient).append(begin)

    def leave(self) -> None:
        """Give the place to the next, the urgent first. Once for each that has begun."""
        queue = self._urgent or self._patient
        if queue:
            queue.popleft()()
        else:
            self._free += 1
