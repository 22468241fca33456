"""Lets so many through at once; the urgent overtake those who wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """A semaphore with two queues. A container that is made is started before the next one is made, so that the
    first of a hundred runs as soon as the first of one."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def passed(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a place and hold it for the length of the block."""
        await self._enter(self._urgent if urgent else self._patient)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()  # the place was given in the same turn
            raise

    def _leave(self) -> None:
        for queue in (self._urgent, self._patient):
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_result(None)
                    return
        self._free += 1
