"""Reading a WebSocket so that whoever fills it holds up nobody else.

aiohttp reads and answers what is buffered without a pause, pings above all: forty thousand fit into one buffer, and
for two seconds nobody else was served. A socket that is read here must be made with `autoping=False`.
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMessage, WSMsgType, web


async def next_message(socket: web.WebSocketResponse) -> WSMessage:
    """Return the next message that is neither ping nor pong. All others have their turn before each frame."""
    while True:
        await asyncio.sleep(0)
        message = await socket.receive()
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is not WSMsgType.PONG:
            return message
