"""Logs from the workers' connections to the reader's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from cube.manager import streams as streams_module
from cube.manager.api import logs as logs_module
from cube.model.allocation import Phase
from cube.model.orders import Holding, Order
from cube.wire.codec import encode_view
from cube.wire.messages import Acknowledge, OpenStream, StreamRefused
from cube.wire.views import LogRecord
from tests.manager.conftest import Api, until
from tests.manager.fake_worker import FakeWorker


async def start(api: Api, worker: FakeWorker, replicas: int = 1) -> list[Order]:
    """Let the worker run a task named web."""
    await api.submit(name="web", replicas=replicas)
    orders = await worker.orders(replicas)
    for order in orders:
        await worker.obey(order)
        await worker.expect(Acknowledge)
    return orders


async def carry(api: Api, wanted: OpenStream, *texts: str) -> int:
    """Bring these lines as a worker does."""
    body = b"".join(
        encode_view(LogRecord(name="web.1", node="w1", text=text)) + b"\n" for text in texts
    )
    async with api.session.post(
        f"{api.base}/worker/stream/{wanted.stream_id}", data=body
    ) as answer:
        return answer.status


async def records(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while len(got) < count:
            line = await answer.content.readline()
            assert line, "the log ended early"
            if line.strip():
                got.append(json.loads(line))
    return got


async def test_the_lines_of_all_slots_come_together(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker, replicas=2)
        reading = asyncio.create_task(api.session.get(api.base + "/task/web/logs?tail=5"))
        for text in ("one", "two"):
            wanted = await worker.expect(OpenStream)
            assert (wanted.tail, wanted.follow) == (5, False)
            assert await carry(api, wanted, text) == 204
        async with await reading as answer:
            assert {record["text"] for record in await records(answer, 2)} == {"one", "two"}
            assert (await answer.read()).strip() == b""
        assert (await api.get("/stats"))["streams"] == 0


async def test_a_stream_id_is_good_once(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker)
        reading = asyncio.create_task(api.session.get(api.base + "/task/web/logs"))
        wanted = await worker.expect(OpenStream)
        assert await carry(api, wanted, "x") == 204
        assert await carry(api, wanted, "y") == 404
        (await reading).close()


async def test_what_a_worker_cannot_bring_is_told(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker)
        reading = asyncio.create_task(api.session.get(api.base + "/task/web/logs"))
        wanted = await worker.expect(OpenStream)
        await worker.say(StreamRefused(stream_id=wanted.stream_id, reason="too many"))
        async with await reading as answer:
            [record] = await records(answer, 1)
    assert record["warning"] == "too many" and record["name"] == "web.1"


async def test_a_worker_that_does_not_come_is_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "ARRIVAL_SECONDS", 0.02)
    async with api.worker() as worker:
        await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs") as answer:
            [record] = await records(answer, 1)
    assert "in time" in record["warning"]


async def test_a_node_without_a_session_is_told(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker)
    async with api.session.get(api.base + "/task/web/logs") as answer:
        [record] = await records(answer, 1)
    assert record["warning"] == "node w1 is not connected"


async def test_a_node_that_comes_back_is_asked_by_those_who_follow(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_module, "ASK_AGAIN", 0.02)
    async with api.worker() as worker:
        [order] = await start(api, worker)
    async with api.session.get(api.base + "/task/web/logs?follow=1&tail=5") as answer:
        [record] = await records(answer, 1)
        assert record["warning"] == "node w1 is not connected"
        async with api.worker(holding=(Holding(id=order.id),)) as back:
            wanted = await back.expect(OpenStream)
            assert (wanted.tail, wanted.follow) == (5, True)
            assert await carry(api, wanted, "x") == 204
            assert [record["text"] for record in await records(answer, 1)] == ["x"]


async def test_following_ends_with_the_task(api: Api) -> None:
    async with api.worker() as worker:
        [order] = await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs?follow=true") as answer:
            wanted = await worker.expect(OpenStream)
            assert wanted.follow
            assert await carry(api, wanted, "x") == 204
            assert [record["text"] for record in await records(answer, 1)] == ["x"]
            await worker.report(order.id, Phase.COMPLETED)
            async with asyncio.timeout(5):
                await answer.read()


async def test_a_container_that_starts_later_joins_in(api: Api) -> None:
    async with api.worker() as worker:
        await api.submit(name="web")
        [order] = await worker.orders(1)
        async with api.session.get(api.base + "/task/web/logs?follow=1") as answer:
            await worker.obey(order)
            wanted = await worker.expect(OpenStream)
            assert await carry(api, wanted, "x") == 204
            assert [record["text"] for record in await records(answer, 1)] == ["x"]


async def test_a_reader_that_leaves_stops_the_worker(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs?follow=1") as answer:
            wanted = await worker.expect(OpenStream)
            carrying = asyncio.create_task(_endlessly(api, wanted))
            await records(answer, 1)
        async with asyncio.timeout(5):
            await carrying

        async def none() -> bool:
            return bool((await api.get("/stats"))["streams"] == 0)

        await until(none)


async def _endlessly(api: Api, wanted: OpenStream) -> None:
    async def lines() -> Any:
        while True:
            yield b'{"name":"web.1","node":"w1","text":"' + b"x" * 10_000 + b'"}\n'
            await asyncio.sleep(0)

    try:
        async with api.session.post(
            f"{api.base}/worker/stream/{wanted.stream_id}", data=lines()
        ) as answer:
            assert answer.status == 204
    except aiohttp.ClientError:
        pass  # cut off: what was wanted
