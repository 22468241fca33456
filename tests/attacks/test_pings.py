"""A30: pings without end through a WebSocket, while others want something."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from cube.wire.routes import SESSION
from tests.attacks.conftest import Target

PING = b"\x89\x80\x00\x00\x00\x00"
FLOOD = PING * 50_000
ASKED = 20
SOON = 1.0  # it takes a thousandth of it; with pings answered as they come it took two seconds


@contextlib.asynccontextmanager
async def flooded(target: Target, path: str) -> AsyncIterator[None]:
    """Ping as fast as the connection takes it, for as long as the block; what comes back is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.manager.port)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{target.manager.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    writer.write(head.encode())
    assert b" 101 " in await reader.readline()

    async def ping() -> None:
        while True:
            writer.write(FLOOD)
            await writer.drain()

    async def read() -> None:
        while await reader.read(1 << 16):
            pass

    tasks = [asyncio.create_task(ping()), asyncio.create_task(read())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.transport.abort()


@pytest.mark.slow
@pytest.mark.parametrize("path", [SESSION, "/task/web/exec"])
async def test_a30_pings_without_end_hold_up_nobody(known: Target, path: str) -> None:
    await known.ask("POST", "/task", json={"name": "web", "image": "busybox"})
    async with flooded(known, path):
        for _ in range(ASKED):
            began = time.monotonic()
            status, _, _ = await known.ask("GET", "/healthz")
            assert status == 200
            assert time.monotonic() - began < SOON
