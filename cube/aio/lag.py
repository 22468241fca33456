"""How late the event loop is: what it keeps everybody waiting for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NoReturn

PERIOD = 0.02  # a loop that is held for longer than this is always noticed; costs 0.2 % of a core
WINDOW = 60.0


class LagGauge:
    """Sleeps for a moment again and again, and notes by how much each sleep was too long."""

    def __init__(self, also: Callable[[float], None] | None = None) -> None:
        """`also` is told of each lag (seconds), too."""
        self._late: deque[float] = deque(maxlen=round(WINDOW / PERIOD))
        self._also = also

    async def run(self) -> NoReturn:
        """Measure for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            late = loop.time() - due
            self._late.append(late)
            if self._also is not None:
                self._also(late)

    def percentile(self, share: float) -> float:
        """Return the lag (seconds) that so large a share of the last minute did not exceed; 1 is the longest."""
        ordered = sorted(self._late)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
