"""The manager's socket: where it listens, whom it turns away, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from cube.errors import CubeError
from cube.manager.listener import Listener

DEADLINE = 5.0
HERE = "127.0.0.1"
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def good(request: web.Request) -> web.Response:
    return web.json_response({"status": 200})


@asynccontextmanager
async def listening(
    handler: Any = good, connections: int = 5
) -> AsyncIterator[tuple[Listener, int]]:
    app = web.Application()
    app.router.add_get("/", handler)
    listener = Listener(app, connections=connections)
    port = await listener.open(HERE, 0)
    try:
        yield listener, port
    finally:
        await listener.close()


class Caller:
    """A connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Caller:
        self.reader, self.writer = await asyncio.open_connection(HERE, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def say(self, data: bytes) -> tuple[int, Any]:
        """Send it, and return status and body of the answer."""
        self.writer.write(data)
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return int(head.split()[1]), json.loads(await self.reader.readexactly(length))

    async def hung_up(self) -> bool:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read() == b""


async def test_it_serves_on_the_port_it_returns() -> None:
    async with listening() as (_, port), Caller(port) as caller:
        assert await caller.say(ASK) == (200, {"status": 200})


async def test_a_taken_port_is_named_with_the_way_out() -> None:
    async with listening() as (_, port):
        with pytest.raises(CubeError, match=f"port {port} on {HERE} is taken") as caught:
            await Listener(web.Application(), connections=1).open(HERE, port)
    assert "--port" in caught.value.hint


async def test_an_address_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(CubeError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await Listener(web.Application(), connections=1).open("192.0.2.1", 0)


async def test_one_connection_too_many_is_told_so_and_hung_up_on() -> None:
    async with listening(connections=1) as (_, port), Caller(port) as first:
        assert (await first.say(ASK))[0] == 200
        async with Caller(port) as second:
            status, problem = await second.say(b"")
            assert (status, problem["code"]) == (503, "overloaded")
            assert problem["detail"] == "1 connections are open; try again later"
            assert await second.hung_up()
        assert (await first.say(ASK))[0] == 200


@pytest.mark.parametrize(
    "noise", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/9.9.9\r\n\r\n"]
)
async def test_what_is_no_request_gets_a_problem_and_a_closed_connection(noise: bytes) -> None:
    async with listening() as (_, port), Caller(port) as caller:
        status, problem = await caller.say(noise)
        assert (status, problem["detail"]) == (400, "this is no HTTP request")
        assert await caller.hung_up()


async def test_an_expectation_that_nobody_knows_is_left_unread() -> None:
    async with listening() as (_, port), Caller(port) as caller:
        for expected in (b"a miracle", b"\xed\xa0\x96"):
            asked = ASK.replace(b"\r\n\r\n", b"\r\nExpect: " + expected + b"\r\n\r\n")
            assert (await caller.say(asked))[0] == 200


async def test_a_failure_that_nobody_caught_is_told_without_its_words() -> None:
    async def broken(request: web.Request) -> web.Response:
        raise ValueError("the password is 1234")

    async with listening(broken) as (_, port), Caller(port) as caller:
        status, problem = await caller.say(ASK)
        assert (status, problem["detail"]) == (500, "the request could not be answered")
        assert await caller.hung_up()


async def test_after_it_stops_accepting_those_that_are_there_stay() -> None:
    async with listening() as (listener, port), Caller(port) as caller:
        await caller.say(ASK)
        listener.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HERE, port)
        assert (await caller.say(ASK))[0] == 200


async def test_an_answer_under_way_is_ended_before_it_closes() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.json_response({"status": 200})

    async with listening(slow) as (listener, port), Caller(port) as caller:
        answer = asyncio.create_task(caller.say(ASK))
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
            closing = asyncio.create_task(listener.close())
            await asyncio.sleep(0)
            go_on.set()
            assert (await answer)[0] == 200
            await closing


async def test_closing_repeats_safely_also_when_it_was_never_open() -> None:
    listener = Listener(web.Application(), connections=1)
    await listener.close()
    await listener.close()
