"""Doing much work a little at a time, so that nobody who waits for the loop waits for all of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

AT_ONCE = 0.01  # seconds in one turn of the loop; one piece is far shorter


class Share:
    """Does pieces of work in the order in which they came, some milliseconds of them in each turn of the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[Callable[[], None]] = deque()
        self._due = False

    def do(self, piece: Callable[[], None]) -> None:
        """Have it done soon, after those before it. It answers for its own failures."""
        self._pieces.append(piece)
        if not self._due:
            self._due = True
            self._loop.call_soon(self._do_some)

    def _do_some(self) -> None:
        until = self._loop.time() + AT_ONCE
        try:
            while self._pieces:
                self._pieces.popleft()()
                if self._loop.time() >= until:
                    break
        finally:
            self._due = bool(self._pieces)
            if self._due:
                self._loop.call_soon(self._do_some)
