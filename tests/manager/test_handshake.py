"""Connections before they speak TLS: how many, for how long, and what they are shown."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Any

from aiohttp import web

from cube.manager.listener import Listener
from cube.security.authority import Authority
from cube.security.tls import client_context, server_context
from cube.settings import Limits

DEADLINE = 5.0
HERE, OUTSIDE = "127.0.0.1", "127.0.0.2"
LIFE = timedelta(days=1)
ASK = f"GET / HTTP/1.1\r\nHost: {OUTSIDE}\r\n\r\n".encode()


async def good(request: web.Request) -> web.Response:
    return web.json_response({"status": 200})


class Secured:
    """A listener with TLS."""

    def __init__(self, data: Path, limits: Limits, now_ms: int) -> None:
        self.now_ms = now_ms
        self.authority = Authority(data / "ca", "c", now_ms)
        app = web.Application()
        app.router.add_get("/", good)
        self.listener = Listener(app, connections=10, limits=limits)
        self.port = 0

    def context(self) -> ssl.SSLContext:
        own = self.authority.issue_manager([OUTSIDE], self.now_ms, LIFE)
        return server_context(own, self.authority.bundle)

    async def call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection over TLS."""
        trust = client_context(self.authority.bundle)
        return await asyncio.open_connection(OUTSIDE, self.port, ssl=trust)

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection that has said nothing."""
        return await asyncio.open_connection(OUTSIDE, self.port)


@asynccontextmanager
async def secured(data: Path, limits: Limits) -> AsyncIterator[Secured]:
    one = Secured(data, limits, int(time() * 1000))
    one.port = await one.listener.open(HERE, 0)
    await one.listener.open_tls(OUTSIDE, one.port, one.context(), lambda transport: None)
    try:
        yield one
    finally:
        await one.listener.close()


async def hung_up(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(DEADLINE):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(ASK)
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        return b" 200 " in head


async def test_who_does_not_shake_hands_in_time_is_cut(tmp_path: Path) -> None:
    async with secured(tmp_path, Limits(handshake_seconds=0.1)) as one:
        reader, writer = await one.knock()
        assert await hung_up(reader)
        writer.close()


async def test_of_many_that_wait_the_oldest_makes_room_and_who_shakes_hands_is_served(
    tmp_path: Path,
) -> None:
    async with secured(tmp_path, Limits(strangers_per_address=2)) as one:
        knocking = [await one.knock() for _ in range(3)]
        assert await hung_up(knocking[0][0])
        caller = await one.call()
        assert await answered(*caller)
        for _, writer in (*knocking, caller):
            writer.close()


async def test_what_is_said_with_the_end_of_the_handshake_is_heard(tmp_path: Path) -> None:
    async with secured(tmp_path, Limits()) as one:
        reader, writer = await one.knock()
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        trust = client_context(one.authority.bundle)
        shaking = trust.wrap_bio(come, go, server_hostname=OUTSIDE)
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    shaking.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(go.read())
                    come.write(await reader.read(65536))
            shaking.write(ASK)
            writer.write(go.read())
            assert b" 200 " in await heard(shaking, come, reader)
        writer.close()


async def heard(shaking: ssl.SSLObject, come: ssl.MemoryBIO, reader: asyncio.StreamReader) -> Any:
    while True:
        try:
            return shaking.read(65536)
        except ssl.SSLWantReadError:
            come.write(await reader.read(65536))


async def test_a_new_certificate_is_shown_to_new_connections_and_open_ones_stay(
    tmp_path: Path,
) -> None:
    async with secured(tmp_path, Limits()) as one:
        before = await one.call()
        assert await answered(*before)
        one.listener.renew_tls(one.context())
        after = await one.call()
        assert await answered(*after) and await answered(*before)
        shown = [writer.get_extra_info("peercert")["serialNumber"] for _, writer in (before, after)]
        assert len(set(shown)) == 2
        for _, writer in (before, after):
            writer.close()


async def test_closing_breaks_off_what_is_under_way(tmp_path: Path) -> None:
    async with secured(tmp_path, Limits()) as one:
        reader, writer = await one.knock()
        await one.listener.close()
        assert await hung_up(reader)
        writer.close()
