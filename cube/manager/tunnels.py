"""Where a user's end of a tunnel and the worker's end meet.

The manager tells a worker over its session what is wanted; the worker dials a connection for it. From then on frames
go through as they came: both ends bound what is under way, so nothing is kept here but one frame each way.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import WSMsgType, web

from cube.aio.race import race
from cube.errors import CubeError, NotFound, Overloaded, PeerFault
from cube.manager.pings import next_message
from cube.wire.tunnels import Exited, Failed, decode_from_user, decode_to_user, encode_frame

ARRIVAL_SECONDS = 10.0  # a worker dials at once; this covers a slow link
SEND_SECONDS = 30.0  # both ends always read; one that takes longer for a frame is dead


class Meeting:
    """One tunnel, from the wish to its end."""

    def __init__(self, tunnel_id: str) -> None:
        self.id = tunnel_id
        self._worker: asyncio.Future[web.WebSocketResponse] = (
            asyncio.get_running_loop().create_future()
        )
        self._over = asyncio.Event()
        self._why = ""

    def come(self, worker: web.WebSocketResponse) -> bool:
        """The worker is here. False when it is too late, or the second."""
        if self._worker.done():
            return False
        self._worker.set_result(worker)
        return True

    def refuse(self, reason: str) -> None:
        """The worker will not come."""
        if not self._worker.done():
            self._worker.set_exception(CubeError(reason))

    def end(self, why: str = "") -> None:
        """The user has gone, all is done, or it is ended for a reason that the user is told. Repeats safely."""
        self._why = self._why or why
        if not self._worker.done():
            self._worker.set_exception(CubeError(why))
        self._worker.exception()  # has been looked at: nobody may be waiting for it any more
        self._over.set()

    async def over(self) -> None:
        """Wait for the end."""
        await self._over.wait()

    async def carry(self, user: web.WebSocketResponse) -> None:
        """Pass frames on until either end has had enough. CubeError when the worker does not come or breaks off."""
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                worker = await asyncio.shield(self._worker)
        except TimeoutError:
            raise CubeError("its worker did not open a connection in time") from None
        last = _Last()
        await race(
            user=_pass(user, worker.send_bytes, decode_from_user),
            worker=_pass(worker, user.send_bytes, last.see),
            over=self._over.wait(),
        )
        if not last.told_end:
            raise CubeError(self._why or "the connection with its worker broke off")


class Tunnels:
    """All tunnels that are open, at most `limit`."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._meetings: dict[str, Meeting] = {}

    def __len__(self) -> int:
        return len(self._meetings)

    @contextmanager
    def expect(self) -> Iterator[Meeting]:
        """Return the meeting of a new tunnel; it is over with the block. Overloaded at the limit."""
        if len(self._meetings) >= self._limit:
            raise Overloaded(
                f"{self._limit} commands and copies are under way already", hint="end one first"
            )
        meeting = Meeting(secrets.token_urlsafe(24))
        self._meetings[meeting.id] = meeting
        try:
            yield meeting
        finally:
            del self._meetings[meeting.id]
            meeting.end()

    def expected(self, tunnel_id: str) -> Meeting:
        """Return the meeting that a worker came for. NotFound when nobody waits (any more)."""
        if (meeting := self._meetings.get(tunnel_id)) is None:
            raise NotFound("nobody waits for this tunnel")
        return meeting

    def refuse(self, tunnel_id: str, reason: str) -> None:
        """The worker will not come. Unknown ids are ignored: the user may have left."""
        if meeting := self._meetings.get(tunnel_id):
            meeting.refuse(reason)

    def close(self, why: str) -> None:
        """End all, and say why."""
        for meeting in self._meetings.values():
            meeting.end(why)


class _Last:
    """Looks at what the worker says, to know whether it said how it ended."""

    def __init__(self) -> None:
        self.told_end = False

    def see(self, data: bytes) -> None:
        self.told_end = isinstance(decode_to_user(data), Exited | Failed)


async def _pass(
    source: web.WebSocketResponse,
    send: Callable[[bytes], Awaitable[None]],
    check: Callable[[bytes], object],
) -> None:
    """Pass frames on as they came until the source closes. PeerFault when one is no frame of that direction."""
    while True:
        message = await next_message(source)
        if message.type is WSMsgType.TEXT:
            raise PeerFault("text came through a tunnel; its frames are MessagePack")
        if message.type is not WSMsgType.BINARY:
            return
        check(message.data)
        async with asyncio.timeout(SEND_SECONDS):
            await send(message.data)


async def tell_failure(user: web.WebSocketResponse, error: CubeError) -> None:
    """Tell the user why it could not be done, if anybody is there to hear it."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await user.send_bytes(encode_frame(Failed(error.code, error.message, error.hint)))
    except (TimeoutError, ConnectionError):
        pass  # the user left before
