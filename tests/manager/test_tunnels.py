"""Tunnels at the manager: who meets whom, and what strangers and late comers are told."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from cube.wire.messages import OpenTunnel, StreamRefused
from cube.wire.routes import TUNNEL
from cube.wire.tunnels import (
    Began,
    Exec,
    Exited,
    Failed,
    Frame,
    Input,
    Output,
    Reached,
    ReadArchive,
    WriteArchive,
    decode_from_user,
    decode_to_user,
    encode_frame,
    encode_wish,
)
from tests.manager.conftest import Api
from tests.manager.fake_worker import FakeWorker

WISH = Exec(command=("sh",))


async def with_a_running_task(api: Api, worker: FakeWorker, replicas: int = 1) -> None:
    await worker.welcome()
    await api.submit(name="web", replicas=replicas)
    for order in await worker.orders(replicas):
        await worker.obey(order)
    while (await api.get("/task/web"))["ready"] < replicas:
        pass


class User:
    """One user's end."""

    def __init__(self, api: Api, ref: str = "web", verb: str = "exec") -> None:
        self._opening = api.session.ws_connect(f"{api.base}/task/{ref}/{verb}")

    async def __aenter__(self) -> User:
        self.socket = await self._opening
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def wants(self, wish: Any) -> None:
        await self.socket.send_str(wish if isinstance(wish, str) else encode_wish(wish))

    async def hears(self) -> Frame | None:
        message = await self.socket.receive(timeout=5)
        if message.type is not aiohttp.WSMsgType.BINARY:
            return None
        return decode_to_user(message.data)

    async def says(self, frame: Frame) -> None:
        await self.socket.send_bytes(encode_frame(frame))


async def dialled(api: Api, opened: OpenTunnel) -> aiohttp.ClientWebSocketResponse:
    return await api.session.ws_connect(api.base + TUNNEL.format(tunnel_id=opened.tunnel_id))


async def test_frames_pass_both_ways_as_they_came(api: Api) -> None:
    async with api.worker() as worker, User(api) as user:
        await with_a_running_task(api, worker)
        await user.wants(WISH)
        assert await user.hears() == Reached("web.1", "w1", False)
        opened = await worker.expect(OpenTunnel)
        assert opened.wish == WISH
        async with await dialled(api, opened) as end:
            for frame in (Began(), Output(b"\0\xff")):
                await end.send_bytes(encode_frame(frame))
                assert await user.hears() == frame
            await user.says(Input(b"typed"))
            assert decode_from_user((await end.receive(timeout=5)).data) == Input(b"typed")
            await end.send_bytes(encode_frame(Exited(7)))
        assert await user.hears() == Exited(7)
        assert await user.hears() is None


async def test_a_worker_that_breaks_off_is_told_as_that(api: Api) -> None:
    async with api.worker() as worker, User(api) as user:
        await with_a_running_task(api, worker)
        await user.wants(WISH)
        await user.hears()
        end = await dialled(api, await worker.expect(OpenTunnel))
        await end.close()

        failed = await user.hears()

        assert isinstance(failed, Failed)
        assert "broke off" in failed.message


async def test_a_user_who_leaves_closes_the_workers_end(api: Api) -> None:
    async with api.worker() as worker:
        await with_a_running_task(api, worker)
        async with User(api) as user:
            await user.wants(WISH)
            end = await dialled(api, await worker.expect(OpenTunnel))

        assert (await end.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_a_refusal_of_the_worker_is_passed_on(api: Api) -> None:
    async with api.worker() as worker, User(api) as user:
        await with_a_running_task(api, worker)
        await user.wants(WISH)
        await user.hears()
        opened = await worker.expect(OpenTunnel)

        await worker.say(StreamRefused(stream_id=opened.tunnel_id, reason="too much to do"))

        failed = await user.hears()
        assert isinstance(failed, Failed)
        assert failed.message == "too much to do"


@pytest.mark.parametrize(
    ("verb", "wish", "complaint"),
    [
        ("exec", "{", "truncated"),
        ("exec", ReadArchive(path="/"), "not done at …/exec"),
        ("copy", WISH, "not done at …/copy"),
        ("exec", "x" * 300_000, None),
    ],
    ids=["no JSON", "a copy", "a command", "too long"],
)
async def test_a_wish_that_is_none_is_refused(
    api: Api, verb: str, wish: Any, complaint: str | None
) -> None:
    async with User(api, verb=verb) as user:
        await user.wants(wish)

        failed = await user.hears()

        if complaint is None:
            assert failed is None
        else:
            assert isinstance(failed, Failed)
            assert complaint in failed.message


async def test_a_user_who_plays_the_worker_is_cut_off(api: Api) -> None:
    async with api.worker() as worker, User(api) as user:
        await with_a_running_task(api, worker)
        await user.wants(WISH)
        await user.hears()
        end = await dialled(api, await worker.expect(OpenTunnel))

        await user.says(Exited(0))

        failed = await user.hears()
        assert isinstance(failed, Failed)
        assert failed.code == "peer_fault"
        assert (await end.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_an_id_is_good_for_one_worker_and_one_tunnel(api: Api) -> None:
    async with api.worker() as worker, User(api) as user:
        await with_a_running_task(api, worker)
        await user.wants(WISH)
        opened = await worker.expect(OpenTunnel)
        async with await dialled(api, opened), await dialled(api, opened) as second:
            assert (await second.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
    status, _, _ = await api.ask("GET", TUNNEL.format(tunnel_id="made-up"))
    assert status == 404


async def test_a_task_that_is_not_there_or_does_not_run_is_told(api: Api) -> None:
    await api.submit(name="web")
    for ref, code in (("nosuch", "not_found"), ("web", "conflict"), ("web.1", "conflict")):
        async with User(api, ref) as user:
            await user.wants(WISH)
            failed = await user.hears()
            assert isinstance(failed, Failed)
            assert failed.code == code


async def test_a_copy_into_one_of_several_must_name_it(api: Api) -> None:
    async with api.worker() as worker:
        await with_a_running_task(api, worker, replicas=2)
        async with User(api, verb="copy") as user:
            await user.wants(WriteArchive(path="/"))
            failed = await user.hears()
            assert isinstance(failed, Failed)
            assert failed.hint == "name one: web.1, web.2"
        async with User(api, verb="copy") as user:
            await user.wants(ReadArchive(path="/"))
            assert await user.hears() == Reached("web.1", "w1", True)


async def test_without_an_upgrade_it_is_said_what_is_spoken(api: Api) -> None:
    status, problem, _ = await api.ask("GET", "/task/web/exec")

    assert status == 426
    assert "WebSocket" in problem["detail"]


async def test_a_page_of_another_site_opens_no_tunnel(api: Api) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await api.session.ws_connect(
            f"{api.base}/task/web/exec", headers={"Origin": "http://evil.example"}
        )

    assert raised.value.status == 403
