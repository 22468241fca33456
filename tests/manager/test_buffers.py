"""What is held for a client that reads nothing."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web
from aiohttp.test_utils import TestServer

from cube.manager.buffers import SEND_BUFFER, bound_buffer

PIECE = b"x" * 4096


async def test_who_reads_nothing_is_held_little_for() -> None:
    written = 0
    stuck = asyncio.Event()

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        bound_buffer(request)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                async with asyncio.timeout(0.3):
                    await response.write(PIECE)
                written += len(PIECE)
        except TimeoutError:
            stuck.set()
        return response

    app = web.Application()
    app.router.add_get("/", flood)
    async with TestServer(app) as server:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, (server.host, server.port))
            await loop.sock_sendall(deaf, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(stuck.wait(), 10)

    assert written < 4 * SEND_BUFFER, (
        "the kernel doubles what is asked for; left alone it takes 2.5 MB"
    )
