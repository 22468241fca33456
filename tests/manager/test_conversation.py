"""A worker's session over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

import msgspec
import pytest

from cube import log
from cube.manager import conversation
from cube.model.orders import Holding, Remove, Run
from cube.wire.messages import (
    PROTOCOL,
    Acknowledge,
    Instruct,
    Lease,
    LeaseHeld,
    Refuse,
    StreamRefused,
    Welcome,
)
from tests.manager.conftest import Api, until


async def test_a_hello_is_answered_by_welcome_and_the_first_orders(api: Api) -> None:
    async with api.worker() as worker:
        welcome = await worker.hear()
        first = await worker.hear()
    assert isinstance(welcome, Welcome) and welcome.epoch == 1
    assert welcome.cluster_id == (await api.get("/version"))["cluster_id"]
    assert first == Instruct(number=1, orders=())


async def test_a_task_goes_to_the_worker_and_its_reports_are_shown(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        task = await api.submit(name="web", replicas=2)
        orders = await worker.orders(2)
        assert [order.spec.name for order in orders if isinstance(order, Run)] == ["web", "web"]
        for order in orders:
            await worker.obey(order)
        while (await worker.expect(Acknowledge)).number < 2:
            pass  # one for both when they were recorded together
        view = await api.get(f"/task/{task['id']}")
        assert (view["state"], view["ready"]) == ("running", 2)
        assert [one["node"] for one in view["allocations"]] == ["w1", "w1"]

        status, stopping, _ = await api.ask("DELETE", "/task/web")
        assert (status, stopping["goal"]) == (202, "stop")
        removals = await worker.orders(2)
        assert all(isinstance(order, Remove) for order in removals)
        assert (await api.ask("DELETE", "/task/web"))[0] == 202
        for order in removals:
            await worker.obey(order)
        while (await worker.expect(Acknowledge)).number < 4:
            pass
        assert (await api.ask("DELETE", "/task/web"))[0] == 204
        assert worker.numbers == list(range(1, len(worker.numbers) + 1))


async def test_the_images_of_a_hello_and_of_a_lease_decide_between_equals(api: Api) -> None:
    async with api.worker("w1") as first, api.worker("w2", images=("web:1",)) as second:
        await first.welcome()
        await second.welcome()
        task = {"name": "a", "image": "web:1", "replicas": 1}
        await api.ask("POST", "/task", task)
        await second.orders(1)
        await first.say(Lease(number=1, images=("web:2",)))
        await first.expect(LeaseHeld)
        why = await api.get("/task/a/explain")
        assert why["answer"] == "a.1 is being started on w2: waiting for its worker"
        assert why["slots"][0]["chosen_then"] == "has the image, of 2 that fit"
        await api.ask("POST", "/task", task | {"name": "b", "image": "web:2"})
        await first.orders(1)


async def test_a_lease_is_held(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        await worker.say(Lease(number=41))
        assert (await worker.expect(LeaseHeld)).number == 41
        [node] = await api.get("/node")
        assert node["connected"] and node["heard_ms_ago"] < 5_000


async def test_a_second_session_replaces_the_first(api: Api) -> None:
    async with api.worker() as first:
        await first.welcome()
        async with api.worker() as second:
            assert (await second.welcome()).epoch == 2
            await first.closed()
            await api.submit(name="web")
            assert len(await second.orders(1)) == 1
            assert (await api.get("/node/w1"))["connected"]


async def test_a_worker_that_comes_back_is_told_everything_again(api: Api) -> None:
    await api.submit(name="web")
    async with api.worker() as worker:
        [first] = await worker.orders(1)
    async with api.worker(holding=(Holding(id=first.id),)) as worker:
        assert await worker.orders(1) == [first]


async def test_a_worker_that_leaves_is_not_connected(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()

    async def gone() -> bool:
        return not (await api.get("/node/w1"))["connected"]

    await until(gone)


async def test_another_protocol_is_refused_for_good(api: Api) -> None:
    async with api.worker(protocol=PROTOCOL + 1) as worker:
        refusal = await worker.hear()
    assert isinstance(refusal, Refuse) and refusal.final
    assert await api.get("/node") == []


async def test_another_cluster_is_refused(api: Api) -> None:
    async with api.worker(cluster_id="another") as worker:
        assert isinstance(await worker.hear(), Refuse)


async def test_a_session_begins_with_hello(api: Api) -> None:
    async with api.session.ws_connect(api.base + "/worker/session") as socket:
        await socket.send_bytes(msgspec.msgpack.encode({"type": "lease", "number": 1}))
        refusal = msgspec.msgpack.decode((await socket.receive()).data)
    assert refusal["type"] == "refuse"


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"x" * (4 * 1024 * 1024 + 1), "text"])
async def test_what_is_no_message_ends_the_session(api: Api, frame: bytes | str) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        with suppress(ConnectionError):  # the manager may hang up while the frame is still coming
            if isinstance(frame, str):
                await worker.socket.send_str(frame)
            else:
                await worker.socket.send_bytes(frame)
        await worker.closed()


async def test_who_does_not_say_hello_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HELLO_SECONDS", 0.05)
    async with api.session.ws_connect(api.base + "/worker/session") as socket:
        async with asyncio.timeout(5):
            assert not isinstance((await socket.receive()).data, bytes)


async def test_a_worker_that_falls_silent_is_let_go(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "SILENT_LEASES", 0.02)
    async with api.worker() as worker:
        await worker.welcome()
        await worker.closed()


async def test_one_that_does_not_wait_for_its_acknowledgements_is_read_no_further(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "REPORTS_AHEAD", 0)
    async with api.worker() as worker:
        await worker.welcome()
        await api.submit(name="web", replicas=20)
        for order in await worker.orders(20):
            await worker.obey(order)
        while (await worker.expect(Acknowledge)).number < 20:
            pass
    assert (await api.get("/task/web"))["ready"] == 20


async def test_a_refused_stream_nobody_waits_for_is_ignored(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        await worker.say(StreamRefused(stream_id="none", reason="x"))
        await worker.say(Lease(number=1))
        await worker.expect(LeaseHeld)


async def test_the_end_of_a_session_is_logged_with_the_name_of_its_node(
    api: Api, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure("info", format=log.LogFormat.JSON)
    try:
        async with api.worker("w1") as worker:
            await worker.welcome()
            await worker.say(worker.hello)  # twice: a fault
            await worker.closed()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (record,) = (one for one in said if one["logger"] == "cube.manager.conversation")
    assert (record["node"], record["message"]) == (
        "w1",
        "a worker's session ended: the worker said Hello twice",
    )
    assert record["request_id"]
