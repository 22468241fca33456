"""`/event` over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cube.core.effects import Snapshot
from cube.core.manager import ManagerCore
from cube.manager import sending
from cube.manager.api.events import EventApi
from cube.manager.app import Manager
from cube.manager.feed import Feed
from cube.model.event import EventKind, TaskEvent
from cube.model.timing import Instant, Timing
from tests.manager.conftest import Api, until

SSE = {"Accept": "text/event-stream"}


class Follower:
    """Reads server-sent events as a browser does."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.comments: list[str] = []

    async def next(self) -> dict[str, Any]:
        """Return the next event, whose id and name must be those of its data."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while True:
                line = (await self._answer.content.readline()).decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    event: dict[str, Any] = json.loads(fields["data"])
                    assert fields["id"] == str(event["revision"])
                    assert fields["event"] == event["kind"]
                    return event


async def test_the_newest_events_come_oldest_first(api: Api) -> None:
    await api.submit(name="a")
    await api.submit(name="b")
    events = await api.get("/event")
    assert [event["revision"] for event in events] == list(range(1, len(events) + 1))
    assert await api.get("/event?limit=2") == events[-2:]
    assert await api.get("/event?after=1&limit=2") == events[1:3]
    assert {event["task"] for event in await api.get("/event?task=a")} == {"a"}


async def test_a_follower_resumes_without_gap_or_repeat(api: Api) -> None:
    await api.submit(name="a")
    async with api.session.get(api.base + "/event?after=0", headers=SSE) as answer:
        assert answer.content_type == "text/event-stream"
        follower = Follower(answer)
        first = [await follower.next() for _ in range(2)]
    await api.submit(name="b")
    headers = SSE | {"Last-Event-ID": str(first[-1]["revision"])}
    async with api.session.get(api.base + "/event", headers=headers) as answer:
        follower = Follower(answer)
        newest = (await api.get("/event"))[-1]["revision"]
        rest = [await follower.next() for _ in range(newest - 2)]
        await api.submit(name="c")
        live = await follower.next()
    revisions = [event["revision"] for event in [*first, *rest, live]]
    assert revisions == list(range(1, newest + 2))


async def test_a_follower_without_a_place_to_resume_starts_now(api: Api) -> None:
    await api.submit(name="a")
    async with api.session.get(api.base + "/event?follow=true") as answer:
        follower = Follower(answer)
        await api.submit(name="b")
        assert (await follower.next())["task"] == "b"


async def test_a_follower_can_start_some_events_back(api: Api) -> None:
    await api.submit(name="a")
    newest = (await api.get("/event"))[-1]
    async with api.session.get(api.base + "/event?follow=1&limit=1") as answer:
        assert await Follower(answer).next() == newest


async def test_events_of_one_task_only(api: Api) -> None:
    await api.submit(name="a")
    async with api.session.get(api.base + "/event?task=a&follow=1") as answer:
        follower = Follower(answer)
        await api.submit(name="b")
        await api.ask("DELETE", "/task/a")
        assert (await follower.next())["task"] == "a"


@pytest.mark.parametrize("last", ["x", "-1", "1" * 30])
async def test_a_place_that_is_none_is_refused(api: Api, last: str) -> None:
    status, _, _ = await api.ask("GET", "/event", headers=SSE | {"Last-Event-ID": last})
    assert status == 400


async def test_stopping_the_manager_ends_the_feed(api: Api, manager: Manager) -> None:
    async with api.session.get(api.base + "/event?follow=1") as answer:
        async with asyncio.timeout(3):
            await manager.stop()
            await answer.read()


async def test_a_follower_that_never_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WRITE_SECONDS", 0.05)
    feed = Feed(queue=1_000, followers=1)
    app = web.Application()
    app.add_routes(EventApi(Quiet(), Nothing(), feed).routes())  # type: ignore[arg-type]
    async with TestServer(app) as server:
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, (server.host, server.port))
            await loop.sock_sendall(deaf, b"GET /event?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")

            async def followed() -> bool:
                return len(feed) == 1

            async def let_go() -> bool:
                feed.publish([a_long_event()] * 50)
                return len(feed) == 0

            await until(followed)
            await until(let_go)


async def test_a_follower_that_lags_is_told_where_to_resume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed(queue=10, followers=1)
    app = web.Application()
    app.add_routes(EventApi(Quiet(), Nothing(), feed).routes())  # type: ignore[arg-type]
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as client,
        client.get(server.make_url("/event?follow=1")) as answer,
    ):
        while not len(feed):
            await asyncio.sleep(0.001)
        feed.publish([a_long_event()] * 11)
        assert b": lagged" in await answer.read()


class Quiet:
    """A decider of a cluster in which nothing ever happens."""

    async def read(self, look: Callable[[Any], Any]) -> Any:
        return look(
            ManagerCore(
                Snapshot(cluster_id="c"), timing=Timing(), strategy="spread", now=Instant(0, 0)
            )
        )


class Nothing:
    """A history without events."""

    async def events(self, **wish: object) -> list[TaskEvent]:
        return []

    async def oldest_revision(self) -> int:
        return 0


def a_long_event() -> TaskEvent:
    return TaskEvent(revision=9, at_ms=0, kind=EventKind.TASK_CHANGED, message="x" * 60_000)
