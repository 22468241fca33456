"""One end of a tunnel: frames over a WebSocket, data only as far as the other side has room.

Used by those who ask (`cube.client.tunnel`) and by workers, which dial their end just so.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import aiohttp

from cube.errors import PeerFault
from cube.wire.tunnels import (
    FRAME_LONGEST,
    ErrorOutput,
    Frame,
    Input,
    Output,
    Taken,
    encode_frame,
    pieces,
)
from cube.wire.window import WINDOW, Incoming, Outgoing

CONNECT_SECONDS = 5.0
HEARTBEAT = 10.0
"""So often each side asks whether the other is there; without a word for 1.5 of it the tunnel is dead. Both always
read, so an answer waits behind one window of data at most: 4 s on a line of 1 Mbit/s."""
SEND_SECONDS = 30.0  # the other side always reads; a line that takes longer for one frame is dead
CLOSE_SECONDS = 2.0

Data = Input | Output | ErrorOutput
F = TypeVar("F", bound=Frame)


class Socket(Protocol):
    """What it needs of a WebSocket of aiohttp, whichever side opened it."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one binary message."""

    async def receive(self) -> aiohttp.WSMessage:
        """The next message, also that it is closed."""


class Channel(Generic[F]):
    """Frames of kind `F` come in. `listen` must run for as long as anything is sent."""

    def __init__(self, socket: Socket, decode: Callable[[bytes], F], window: int = WINDOW) -> None:
        self._socket = socket
        self._decode = decode
        self._outgoing = Outgoing(window)
        self._incoming = Incoming(window)
        self._room = asyncio.Event()

    async def listen(
        self, hear: Callable[[F], None], *, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Pass on each frame that comes, until it is enough or the other side closes.

        PeerFault when it breaks the protocol.
        """
        while not until() and (frame := await receive(self._socket, self._decode)) is not None:
            if isinstance(frame, Taken):
                self._outgoing.regain(frame.count)
                self._room.set()
                continue
            if isinstance(frame, Input | Output | ErrorOutput):
                self._incoming.arrived(len(frame.data))
            hear(frame)

    async def send(self, frame: Frame) -> None:
        """Send a frame that is no data, at once. ConnectionError when the other side has gone."""
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_bytes(encode_frame(frame))

    async def send_data(self, kind: Callable[[bytes], Data], data: bytes) -> None:
        """Send data in frames of this kind, waiting for room as long as it takes."""
        for piece in pieces(data):
            while piece:
                while not self._outgoing.room:
                    self._room.clear()
                    await self._room.wait()
                part, piece = piece[: self._outgoing.room], piece[self._outgoing.room :]
                self._outgoing.spend(len(part))
                await self.send(kind(part))

    async def took(self, count: int) -> None:
        """Count data that came as used up; the other side may send as much again."""
        if told := self._incoming.taken(count):
            await self.send(Taken(told))


async def receive(socket: Socket, decode: Callable[[bytes], F]) -> F | None:
    """Return the next frame; None when the other side has closed, or is dead."""
    message = await socket.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        return decode(message.data)
    if message.type is aiohttp.WSMsgType.TEXT:
        raise PeerFault("text came through a tunnel; its frames are MessagePack")
    return None


@asynccontextmanager
async def dial(
    url: str, headers: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | bool = True
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a tunnel's end; leaving the block closes it. Frames are bounded and not compressed: a tar may be already.

    `tls` verifies the other side where the address is one of TLS.
    """
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=limits) as http,
        http.ws_connect(
            url,
            headers=headers,
            ssl=tls,
            max_msg_size=FRAME_LONGEST,
            compress=0,
            heartbeat=HEARTBEAT,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
        ) as socket,
    ):
        yield socket
