"""Writing to many clients that follow, who are all told at the same moment."""

from __future__ import annotations

import asyncio

from aiohttp import web

from cube.aio.turns import Turns

WRITE_SECONDS = 10.0  # a follower that takes nothing for so long is let go; it resumes where it was
WRITES_AT_ONCE = 32  # in one turn of the loop: some 2 ms, behind which requests wait


class Sender:
    """Writes for one kind of followers."""

    def __init__(self) -> None:
        self._turns = Turns(WRITES_AT_ONCE)

    async def turn(self) -> None:
        """Wait until it is this follower's turn to gather what it has not been told, and to send it."""
        await self._turns.mine()

    async def send(self, response: web.StreamResponse, data: bytes) -> None:
        """Write this. ConnectionResetError when the client takes nothing for too long."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(data)
        except TimeoutError:
            raise ConnectionResetError("the follower does not read") from None
