"""The event stream: filtered by the engine, and taken up again whatever becomes of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from cube.model.ids import NodeId
from cube.runtime.contract import ContainerEvent, Resync
from cube.runtime.engine import Engine
from cube.runtime.events import follow_events
from tests.runtime.fake_engine import FakeEngine

NODE = NodeId("w1")


def an_event(container_id: str, action: str, **attributes: str) -> bytes:
    event = {
        "status": action,
        "id": container_id,
        "Type": "container",
        "Action": action,
        "Actor": {"ID": container_id, "Attributes": attributes},
        "time": 1795355034,
        "timeNano": 1795355034_497305384,
    }
    return json.dumps(event).encode() + b"\n"


@pytest.fixture
async def engine(fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    one = Engine(fake_engine.url)
    yield one
    await one.close()


async def take(engine: Engine, count: int) -> list[ContainerEvent | Resync]:
    """The first so many items of the stream."""
    async with asyncio.timeout(20), aclosing(follow_events(engine, NODE)) as events:
        return [await anext(events) for _ in range(count)]


async def test_an_event_is_told_in_cubes_words(engine: Engine, fake_engine: FakeEngine) -> None:
    fake_engine.stream("GET", "events", an_event("abc", "die"))

    assert await take(engine, 2) == [
        Resync(),
        ContainerEvent(container_id="abc", action="die", at_ms=1795355034497),
    ]


async def test_the_engine_is_asked_to_leave_out_all_others(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    fake_engine.stream("GET", "events")

    await take(engine, 1)

    wanted = json.loads(fake_engine.asked[0].query["filters"])
    assert wanted["type"] == ["container"]
    assert wanted["label"] == ["cube.node=w1"]
    assert {"die", "oom", "destroy"} <= set(wanted["event"])


async def test_a_stream_that_ends_or_breaks_is_opened_again(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    answers = iter([(b"", False), (an_event("a", "start"), True), (b"no json\n", False)])

    async def handler(request: web.Request) -> web.StreamResponse:
        piece, drop = next(answers, (an_event("z", "die"), False))
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(piece)
        if drop and request.transport is not None:
            request.transport.abort()
        return response

    fake_engine.on("GET", "events", handler)

    resyncs = 0
    async with asyncio.timeout(20), aclosing(follow_events(engine, NODE)) as events:
        async for item in events:
            resyncs += isinstance(item, Resync)
            if isinstance(item, ContainerEvent) and item.container_id == "z":
                break

    assert resyncs == 4 + 3  # at each beginning, and at each end that came before the last one


async def test_an_engine_that_was_away_is_followed_again(
    engine: Engine, fake_engine: FakeEngine
) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    fake_engine.on("GET", "events", silent)
    async with asyncio.timeout(20), aclosing(follow_events(engine, NODE)) as events:
        assert await anext(events) == Resync()
        await fake_engine.close()
        assert await anext(events) == Resync()  # at once, for whoever wants to see that it is away
        following = asyncio.ensure_future(anext(events))
        await fake_engine.open()
        assert await following == Resync()


async def test_an_outage_is_logged_once(
    engine: Engine, fake_engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    fake_engine.stream("GET", "events")
    caplog.set_level(logging.INFO, "cube.runtime.events")
    async with asyncio.timeout(20), aclosing(follow_events(engine, NODE)) as events:
        assert await anext(events) == Resync()
        assert await anext(events) == Resync()  # it broke off
        fake_engine.refuse("GET", "events", 500, "not now")
        following = asyncio.ensure_future(anext(events))
        while len(fake_engine.asked) < 4:
            await asyncio.sleep(0.01)
        fake_engine.stream("GET", "events")
        assert await following == Resync()

    said = [record.message for record in caplog.records]
    assert said == ["the event stream broke off: the engine closed it; opening it again"]


async def test_an_event_may_be_long(engine: Engine, fake_engine: FakeEngine) -> None:
    long = an_event("abc", "die", spec="x" * 300_000)
    fake_engine.stream("GET", "events", long[:1000], long[1000:])

    assert len(await take(engine, 2)) == 2
