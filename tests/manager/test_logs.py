"""Logs from the workers' connections to the reader's."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from cube.manager import log_gathering, log_sources
from cube.manager.api import logs as logs_module
from cube.model.allocation import Phase
from cube.model.logs import Mark
from cube.model.orders import Holding, Order
from cube.wire.codec import encode_views
from cube.wire.log_frames import FrameKind, encode_frame
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


def frame(*texts: str, at_ns: int = 1) -> bytes:
    """These lines, all of that moment."""
    records = [LogRecord(name="web.1", node="w1", at_ns=at_ns, text=text) for text in texts]
    mark = Mark(out_ns=at_ns, out_lines=len(texts))
    return encode_frame(FrameKind.LINES, mark, [at_ns] * len(texts), encode_views(records))


END = encode_frame(FrameKind.END, Mark())


async def bring(api: Api, wanted: OpenStream, body: Any) -> int:
    """Bring this as a worker does."""
    async with api.session.post(
        f"{api.base}/worker/stream/{wanted.stream_id}", data=body
    ) as answer:
        return answer.status


async def carry(api: Api, wanted: OpenStream, *texts: str) -> int:
    """Bring these lines, and no more."""
    return await bring(api, wanted, frame(*texts) + END)


def ask_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (log_sources, logs_module):
        monkeypatch.setattr(module, "ASK_AGAIN", 0.02)


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
    monkeypatch.setattr(log_gathering, "ARRIVAL_SECONDS", 0.02)
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
    ask_again_soon(monkeypatch)
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


async def test_a_log_that_breaks_off_is_gone_on_with_behind_its_last_line(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_again_soon(monkeypatch)
    async with api.worker() as worker:
        await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs?follow=1&tail=5") as answer:
            wanted = await worker.expect(OpenStream)
            assert await bring(api, wanted, frame("one", "two", at_ns=7) + frame("three")[:-1])
            assert [one["text"] for one in await records(answer, 2)] == ["one", "two"]
            again = await worker.expect(OpenStream)
            assert again.stream_id != wanted.stream_id
            assert (again.id, again.tail) == (wanted.id, None)
            assert again.after == Mark(out_ns=7, out_lines=2)
            assert await carry(api, again, "three") == 204
            assert [one["text"] for one in await records(answer, 1)] == ["three"]


async def test_a_new_process_of_the_worker_goes_on_with_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_again_soon(monkeypatch)
    async with AsyncExitStack() as exits:
        worker = await exits.enter_async_context(api.worker())
        [order] = await start(api, worker)
        answer = await exits.enter_async_context(
            api.session.get(api.base + "/task/web/logs?follow=1")
        )
        wanted = await worker.expect(OpenStream)
        hangs = asyncio.create_task(bring(api, wanted, _hangs(frame("one"))))
        assert [one["text"] for one in await records(answer, 1)] == ["one"]
        # Its connection stays open, as that of a machine without power does.
        back = await exits.enter_async_context(api.worker(holding=(Holding(id=order.id),)))
        again = await back.expect(OpenStream)
        assert again.after == Mark(out_ns=1, out_lines=1)
        assert await carry(api, again, "two") == 204
        assert [one["text"] for one in await records(answer, 1)] == ["two"]
        hangs.cancel()
        await asyncio.gather(hangs, return_exceptions=True)


async def test_a_reader_that_lost_its_connection_goes_on_by_its_marks(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker, replicas=2)
        path = "/task/web/logs?tail=5&after=1.1.3.7.2.0.0"
        reading = asyncio.create_task(api.session.get(api.base + path))
        wishes = [await worker.expect(OpenStream) for _ in range(2)]
        asked = {one.id.partition(".")[2]: (one.tail, one.after) for one in wishes}
        assert asked == {"1.1": (None, Mark(restart=3, out_ns=7, out_lines=2)), "2.1": (None, None)}
        for wanted in wishes:
            assert await bring(api, wanted, END) == 204
        (await reading).close()


async def test_marks_that_are_none_are_refused(api: Api) -> None:
    async with api.worker() as worker:
        await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs?after=1.2") as answer:
            assert answer.status == 400
            assert (await answer.json())["errors"][0]["path"] == "?after"


async def test_a_worker_that_does_not_come_back_is_told_at_the_end(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_again_soon(monkeypatch)
    monkeypatch.setattr(log_sources, "AWAY_SECONDS", 0)
    monkeypatch.setattr(log_sources, "RETURN_SECONDS", 0.05)
    async with AsyncExitStack() as exits:
        worker = await exits.enter_async_context(api.worker())
        await start(api, worker)
        reading = asyncio.create_task(api.session.get(api.base + "/task/web/logs"))
        wanted = await worker.expect(OpenStream)
        hangs = asyncio.create_task(bring(api, wanted, _hangs(frame("one"))))
        answer = await exits.enter_async_context(await reading)
        assert [one["text"] for one in await records(answer, 1)] == ["one"]
        await worker.socket.close()
        [told] = await records(answer, 1)
        assert told["warning"] == "node w1 is not connected"
        assert (await answer.read()).strip() == b""
        hangs.cancel()
        await asyncio.gather(hangs, return_exceptions=True)


async def test_a_follower_beyond_the_limit_is_told_and_asked_for_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_again_soon(monkeypatch)
    async with api.worker() as worker:
        await start(api, worker)
        async with api.session.get(api.base + "/task/web/logs?follow=1") as answer:
            wanted = await worker.expect(OpenStream)
            await worker.say(StreamRefused(stream_id=wanted.stream_id, reason="too many"))
            [record] = await records(answer, 1)
            assert record["warning"] == "too many"
            again = await worker.expect(OpenStream)
            await worker.say(StreamRefused(stream_id=again.stream_id, reason="too many"))
            again = await worker.expect(OpenStream)
            assert await carry(api, again, "x") == 204
            assert [one["text"] for one in await records(answer, 1)] == ["x"], "told once"


async def _hangs(*parts: bytes) -> Any:
    for part in parts:
        yield part
    await asyncio.Event().wait()


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
            yield frame("x" * 10_000)
            await asyncio.sleep(0)

    try:
        async with api.session.post(
            f"{api.base}/worker/stream/{wanted.stream_id}", data=lines()
        ) as answer:
            assert answer.status == 204
    except aiohttp.ClientError:
        pass  # cut off: what was wanted
