"""Talking with one worker over its WebSocket, from Hello to the end. Turns messages into inputs of the core.

Leases are answered at once. Reports of all workers are taken in a few milliseconds at a time, and acknowledged when
they are recorded: neither the leases behind them nor anybody else waits for the reports of a thousand workers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn

from aiohttp import WSMsgType, web

from cube.aio.race import race
from cube.aio.share import Share
from cube.core.effects import Answer, Effects, Held, TurnedAway, Welcomed
from cube.core.inputs import Connect, Disconnect, Renew
from cube.core.inputs import Described as DescribedInput
from cube.core.inputs import Observe as ObserveInput
from cube.errors import CubeError, PeerFault
from cube.log import also_about
from cube.manager.callers import caller
from cube.manager.decider import Decider
from cube.manager.pings import next_message
from cube.manager.samples import Samples
from cube.manager.session import Session, Sessions
from cube.manager.streams import Streams
from cube.manager.tunnels import Tunnels
from cube.model.ids import NodeId
from cube.wire.codec import decode_from_worker, encode_message
from cube.wire.messages import (
    MAX_MESSAGE_BYTES,
    PROTOCOL,
    AskAccount,
    Asked,
    AskSecret,
    Described,
    FromWorker,
    Hello,
    Lease,
    LeaseHeld,
    Observe,
    Refuse,
    Sampled,
    StreamRefused,
    Told,
    Welcome,
)

log = logging.getLogger(__name__)

HELLO_SECONDS = 5.0
CLOSE_SECONDS = 2.0
RENEWED_EVERY = 0.5  # the lease of a worker that waits for its Welcome; a heartbeat is 1 s
SILENT_LEASES = 3  # after so many leases without a word the connection is taken for dead
REPORTS_AHEAD = 4
"""Of one worker, on their way to the disk, beyond which no more is read from it. An honest one waits for each."""

ASKED_AT_ONCE = 1_000
"""Secrets and accounts for one worker, not told yet; an honest one asks for those of a few containers at a time."""


class _Refused(Exception):
    """The worker is not let in."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.message = Refuse(reason=reason, final=final)


class Conversation:
    """Serves the sessions of all workers."""

    def __init__(
        self,
        decider: Decider,
        sessions: Sessions,
        streams: Streams,
        tunnels: Tunnels,
        samples: Samples,
        cluster_id: str,
        tell: Callable[[NodeId, Asked], Awaitable[Told]],
    ) -> None:
        self._decider = decider
        self._sessions = sessions
        self._streams = streams
        self._tunnels = tunnels
        self._samples = samples
        self._cluster_id = cluster_id
        self._tell = tell
        self._reports = Share()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one session, until either side ends it."""
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, compress=False, timeout=CLOSE_SECONDS, autoping=False
        )
        await socket.prepare(request)
        try:
            await self._converse(socket, _certified())
        except _Refused as refused:
            log.info("a worker was turned away: %s", refused)
            await _say_no(socket, refused.message)
        except (CubeError, TimeoutError, ConnectionError) as error:
            log.info("a worker's session ended: %s", error or type(error).__name__)
        finally:
            await _close(socket, request)
        return socket

    async def _converse(self, socket: web.WebSocketResponse, certified: NodeId | None) -> None:
        async with asyncio.timeout(HELLO_SECONDS):
            hello = await _receive(socket)
        if not isinstance(hello, Hello):
            raise _Refused("a session begins with Hello")
        if hello.protocol != PROTOCOL:
            raise _Refused(
                f"the manager speaks protocol {PROTOCOL}, the worker {hello.protocol}; "
                "install the same version of cube on both",
                final=True,
            )
        if certified is not None and certified != hello.node_id:
            raise _Refused(
                f"the worker says that it is node {hello.node_id}, and its certificate is that of {certified}; "
                "give it the data directory that it joined with",
                final=True,
            )
        also_about(node=hello.facts.name)
        session = Session(hello.node_id, self._sessions.pause)
        try:
            welcomed = await self._connect(hello, session)
            session.lease = welcomed.lease
            try:
                asked = asyncio.Queue[Asked](ASKED_AT_ONCE)
                await race(
                    listening=self._listen(socket, session, welcomed, asked),
                    telling=self._tell_asked(session, asked),
                    speaking=session.write(socket.send_bytes),
                    minding=_mind(session),
                )
            finally:
                self._decider.post([Disconnect(session.node_id, welcomed.epoch)])
        finally:
            session.close("the connection ended")
            self._sessions.leave(session)

    async def _connect(self, hello: Hello, session: Session) -> Welcomed:
        def enter(effects: Effects) -> None:
            # In the order of the records: orders of earlier decisions still go to the session before this one,
            # and Welcome stands before the first orders.
            if isinstance(welcomed := effects.answer, Welcomed) and not session.closed:
                self._sessions.enter(session)
                session.say(
                    Welcome(
                        cluster_id=self._cluster_id,
                        epoch=welcomed.epoch,
                        heartbeat=welcomed.heartbeat,
                        lease=welcomed.lease,
                        revision=welcomed.revision,
                    )
                )
                if hello.node_id not in effects.orders:
                    session.instruct([])

        connect = Connect(
            node_id=hello.node_id,
            cluster_id=hello.cluster_id,
            facts=hello.facts,
            incarnation=hello.incarnation,
            holding=hello.holding,
            blind=hello.blind,
            runtime_error=hello.runtime_error,
            images=hello.images,
        )
        try:
            [answer] = await self._recorded(self._decider.post([connect], then=enter), connect)
        except CubeError as error:
            raise _Refused(error.message) from error
        if isinstance(answer, TurnedAway):
            raise _Refused(answer.reason, final=answer.final)
        if not isinstance(answer, Welcomed):
            raise PeerFault(f"a Hello was answered with {answer!r}")
        return answer

    async def _recorded(self, told: asyncio.Future[list[Answer]], connect: Connect) -> list[Answer]:
        """Wait until the Hello is recorded. A slow disk costs the worker nothing: until it is welcomed it is silent."""
        while not (await asyncio.wait([told], timeout=RENEWED_EVERY))[0]:
            node = self._decider.core.cluster.nodes.get(connect.node_id)
            if node is not None:
                self._decider.renew(Renew(node.id, node.epoch, connect.runtime_error))
        return told.result()

    async def _listen(
        self,
        socket: web.WebSocketResponse,
        session: Session,
        welcomed: Welcomed,
        asked: asyncio.Queue[Asked],
    ) -> None:
        """Take in what the worker says, until it leaves or has been silent for long."""
        room = asyncio.Semaphore(REPORTS_AHEAD + 1)
        while True:
            message = await _receive(socket)
            if message is None:
                return
            session.heard()
            match message:
                case AskSecret() | AskAccount():
                    if asked.full():
                        raise PeerFault(f"more than {ASKED_AT_ONCE} secrets were asked for at once")
                    asked.put_nowait(message)
                case Observe() | Described():
                    await room.acquire()
                    self._reports.do(partial(self._report, message, session, welcomed.epoch, room))
                case _:
                    self._take_in(message, session, welcomed.epoch)

    async def _tell_asked(self, session: Session, asked: asyncio.Queue[Asked]) -> NoReturn:
        """Tell one after the other, beside the leases: reading the ledger may take a while."""
        while True:
            one = await asked.get()
            told = await self._tell(session.node_id, one)
            if self._sessions.of(session.node_id) is session:
                session.say(told)

    def _report(
        self, message: Observe | Described, session: Session, epoch: int, room: asyncio.Semaphore
    ) -> None:
        if isinstance(message, Observe):
            told = self._observe(message, session, epoch)
        else:
            described = DescribedInput(session.node_id, epoch, message.allocations)
            told = self._decider.post([described])
        told.add_done_callback(lambda _: room.release())

    def _take_in(self, message: FromWorker, session: Session, epoch: int) -> None:
        match message:
            case Lease():
                error, usage = message.runtime_error, message.usage
                lease = Renew(session.node_id, epoch, error, usage, message.images)
                held = self._decider.renew(lease)
                if held.current:
                    session.lease = held.lease or session.lease
                    session.say(
                        LeaseHeld(number=message.number, heartbeat=held.heartbeat, lease=held.lease)
                    )
                else:
                    session.close("its lease is not that of the present session")
            case StreamRefused():
                # Ids are random: at most one of the two knows this one.
                self._streams.refuse(message.stream_id, message.reason)
                self._tunnels.refuse(message.stream_id, message.reason)
            case Sampled():
                self._samples.arrived(session.node_id, message)
            case Hello():
                raise PeerFault("the worker said Hello twice")
            case _:
                pass  # reports and questions, which wait for their turn

    def _observe(
        self, message: Observe, session: Session, epoch: int
    ) -> asyncio.Future[list[Answer]]:
        def acknowledge(effects: Effects) -> None:
            if isinstance(effects.answer, Held) and effects.answer.current:
                session.acknowledge(message.number)
            else:
                session.close("its reports are not those of the present session")

        reports = tuple((report.id, report.observed) for report in message.reports)
        return self._decider.post([ObserveInput(session.node_id, epoch, reports)], then=acknowledge)


def _certified() -> NodeId | None:
    """Return whose certificate the connection showed; None on this machine, where root may be any of its workers."""
    who = caller()
    return who.principal.node_id if who is not None and who.principal is not None else None


async def _mind(session: Session) -> NoReturn:
    """Raise TimeoutError once the worker has been silent for long: one timer, and not one for each message."""
    while True:
        left = SILENT_LEASES * session.lease - session.silence
        if left <= 0:
            raise TimeoutError(f"nothing was heard for {session.silence:.1f} s")
        await asyncio.sleep(left)


async def _receive(socket: web.WebSocketResponse) -> FromWorker | None:
    """Return the next message; None when the worker has closed."""
    frame = await next_message(socket)
    if frame.type is WSMsgType.BINARY:
        return decode_from_worker(frame.data)
    if frame.type is WSMsgType.TEXT:
        raise PeerFault("the worker sent text; sessions speak MessagePack")
    return None


async def _say_no(socket: web.WebSocketResponse, message: Refuse) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.send_bytes(encode_message(message))
    except (TimeoutError, ConnectionError):
        pass  # it left before it was told


async def _close(socket: web.WebSocketResponse, request: web.Request) -> None:
    """Say goodbye, and cut the connection when the other side does not answer."""
    try:
        async with asyncio.timeout(2 * CLOSE_SECONDS):
            await socket.close()
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()
