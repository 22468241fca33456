"""One end of a tunnel against a peer that does as a test says."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from cube.client.channel import Channel
from cube.errors import PeerFault
from cube.wire.tunnels import (
    Exited,
    Frame,
    Input,
    Output,
    Taken,
    ToUser,
    decode_from_user,
    decode_to_user,
    encode_frame,
)
from cube.wire.window import WINDOW


class Peer:
    """The other end of a socket."""

    def __init__(self, *frames: Frame | str | None) -> None:
        self.sent: list[Frame] = []
        self._coming: asyncio.Queue[Frame | str | None] = asyncio.Queue()
        for frame in frames:
            self.says(frame)

    def says(self, frame: Frame | str | None) -> None:
        self._coming.put_nowait(frame)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(decode_from_user(data))

    async def receive(self) -> aiohttp.WSMessage:
        frame = await self._coming.get()
        if frame is None:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        if isinstance(frame, str):
            return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, frame, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, encode_frame(frame), None)


async def heard(peer: Peer) -> list[ToUser]:
    frames: list[ToUser] = []
    await Channel(peer, decode_to_user).listen(frames.append)
    return frames


async def test_what_comes_is_passed_on_until_the_other_side_closes() -> None:
    assert await heard(Peer(Output(b"x"), Taken(0), Exited(3), None)) == [Output(b"x"), Exited(3)]


@pytest.mark.parametrize(
    "wrong",
    ["text", Input(b"of the other direction"), Taken(1)],
    ids=["text", "wrong direction", "more taken than sent"],
)
async def test_a_peer_that_breaks_the_rules_is_left(wrong: Frame | str) -> None:
    with pytest.raises(PeerFault):
        await heard(Peer(wrong, None))


async def test_a_peer_that_sends_more_than_there_is_room_for_is_left() -> None:
    full = [Output(b"x" * 65_536)] * (WINDOW // 65_536)

    with pytest.raises(PeerFault):
        await heard(Peer(*full, Output(b"x"), None))


async def test_data_waits_for_room_and_control_frames_do_not() -> None:
    peer = Peer()
    channel = Channel(peer, decode_to_user)
    listening = asyncio.create_task(channel.listen(lambda frame: None))
    sending = asyncio.create_task(channel.send_data(Input, b"x" * (WINDOW + 10)))
    for _ in range(50):
        await asyncio.sleep(0)

    assert sum(len(one.data) for one in peer.sent if isinstance(one, Input)) == WINDOW
    await channel.send(Taken(5))
    assert peer.sent[-1] == Taken(5)
    peer.says(Taken(10))
    await asyncio.wait_for(sending, 1)
    assert sum(len(one.data) for one in peer.sent if isinstance(one, Input)) == WINDOW + 10

    peer.says(None)
    await listening
