"""Reading a WebSocket that somebody fills: what is a message comes out, and others have their turns."""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import WSMessage, WSMsgType

from cube.manager.pings import next_message


class Full:
    """A socket in which all of this waits already."""

    def __init__(self, *kinds: WSMsgType) -> None:
        self._waiting = deque(WSMessage(kind, b"x", None) for kind in kinds)
        self.answered = 0

    async def receive(self) -> WSMessage:
        return self._waiting.popleft()

    async def pong(self, data: bytes) -> None:
        assert data == b"x"
        self.answered += 1


async def test_pings_are_answered_and_what_is_a_message_comes_out() -> None:
    socket = Full(WSMsgType.PING, WSMsgType.PONG, WSMsgType.PING, WSMsgType.BINARY, WSMsgType.CLOSE)
    kinds = [(await next_message(socket)).type for _ in range(2)]  # type: ignore[arg-type]
    assert kinds == [WSMsgType.BINARY, WSMsgType.CLOSE]
    assert socket.answered == 2


async def test_others_have_a_turn_before_each_frame() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await next_message(Full(*[WSMsgType.PING] * 99, WSMsgType.BINARY))  # type: ignore[arg-type]
    assert turns >= 99
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
