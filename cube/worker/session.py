"""The session with the manager: dialled by the worker, kept up for ever, never waiting for the engine."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import NoReturn

import aiohttp

from cube.aio.backoff import Backoff
from cube.aio.clock import Clock
from cube.aio.race import race
from cube.aio.wakeup import Wakeup
from cube.core.worker.inputs import (
    Acknowledged,
    LeaseConfirmed,
    Ordered,
    SessionOpened,
    WorkerInput,
)
from cube.errors import CubeError, PeerFault
from cube.model.allocation import Observed
from cube.model.ids import AllocationId
from cube.model.node import Usage
from cube.model.orders import Description
from cube.wire.codec import decode_from_manager, encode_message
from cube.wire.messages import (
    MAX_MESSAGE_BYTES,
    Acknowledge,
    Described,
    Errand,
    FromManager,
    FromWorker,
    Hello,
    Instruct,
    Lease,
    LeaseHeld,
    Observe,
    Refuse,
    Renew,
    Report,
    Told,
    Welcome,
)
from cube.worker.dialling import in_words, is_denial, knock

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 0.5
"""A manager that is gone says no farewell; the next session is not to wait for it."""
# A manager restarts in a second. The longest pause is well below a lease, which a restarted manager
# counts from its own start: a worker must be back before that one runs out.
RETRY_FIRST, RETRY_LONGEST = 0.1, 2.0
RETRY_REFUSED = 60.0  # only a person can change that, so ask rarely; denied, ever more rarely
SILENT_LEASES = 1.5
"""So many leases without a word from the manager: the connection is dead, whatever TCP says."""
DOUBT_LEASES = 0.4
"""So much of a lease without a word: TCP, which waits longer after each loss, may be the only one still silent.

More than one heartbeat, so that an idle session is not doubted; less than half, so that a new one comes in time.
"""
USAGE_EVERY = 5.0
REPORTS_PER_MESSAGE = 500  # about 0.2 MB
DESCRIPTIONS_PER_MESSAGE = 32  # a spec is 64 kB at most


class SessionEnded(CubeError):
    """The session cannot go on; the worker dials again."""

    code = "session_ended"


class TurnedAway(SessionEnded):
    """The manager does not want this worker, and asking again is of no use."""


class Session:
    """One worker's line to its manager. Everything that comes in is told to the core by `tell`, in order."""

    def __init__(
        self,
        *,
        url: str,
        clock: Clock,
        hello: Callable[[str], Hello],
        usage: Callable[[], Usage],
        images: Callable[[], tuple[str, ...]],
        runtime_error: Callable[[], str],
        welcomed: Callable[[Welcome], None],
        tell: Callable[[WorkerInput], None],
        hand_on: Callable[[Errand | Told], None],
        report_every: float,
        tls: Callable[[], ssl.SSLContext | bool] = lambda: True,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._tls = tls
        self._renew = renew
        self._clock = clock
        self._hello = hello
        self._usage = usage
        self._images = images
        self._images_told: tuple[str, ...] = ()
        self._runtime_error = runtime_error
        self._welcomed = welcomed
        self._tell = tell
        self._hand_on = hand_on
        self._report_every = report_every
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._outbox: dict[AllocationId, Observed] = {}
        self._asked_for: list[Description] = []
        self._unacknowledged: dict[int, tuple[tuple[AllocationId, int], ...]] = {}
        self._leases: dict[int, float] = {}  # number -> when it was sent
        self._heard_at = 0.0  # anything at all
        self._confirmed_at = 0.0  # a lease
        self._confirmed_in = 0.0  # seconds from sending it
        self._orders_seen = 0
        self._heartbeat = self._lease = 0.0  # seconds, as the manager last told
        self._to_report = Wakeup()
        self._recorded = Wakeup()
        self._beat = Wakeup()

    @property
    def connected(self) -> bool:
        """Whether a manager has taken this worker in."""
        return self._socket is not None

    def report(self, reports: dict[AllocationId, Observed]) -> None:
        """Send these soon. Without a session they are dropped: the next one tells everything anew."""
        if self._socket is not None and reports:
            self._outbox.update(reports)
            self._to_report.set()

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Send these soon. Without a session they are dropped: the next one is asked anew."""
        if self._socket is not None and descriptions:
            self._asked_for.extend(descriptions)
            self._to_report.set()

    def beat_now(self) -> None:
        """Send the next lease at once: it carries news of the engine."""
        self._beat.set()

    async def send(self, message: FromWorker) -> None:
        """Send one message. SessionEnded without a session or when the manager does not take it in time."""
        socket = self._socket
        if socket is None:
            raise SessionEnded("no session")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await socket.send_bytes(encode_message(message))
        except (TimeoutError, ConnectionError, aiohttp.ClientError) as error:
            reason = str(error) or type(error).__name__
            raise SessionEnded(f"sending failed: {reason}") from error

    async def hang_up(self) -> None:
        """End the session so that a new one tells the whole truth."""
        if self._socket is not None:
            await self._socket.close()

    async def run(self) -> NoReturn:
        """Keep a session open for ever."""
        pause, denied = Backoff(RETRY_FIRST, RETRY_LONGEST), Backoff(RETRY_FIRST, RETRY_REFUSED)
        while True:
            try:
                await self._one_session(pause)
            except TurnedAway as error:
                log.error("the manager at %s refuses this worker: %s", self._url, error)
                await asyncio.sleep(RETRY_REFUSED)
            except CubeError as error:
                log.warning("no session with %s: %s", self._url, error)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("no session with %s: %s", self._url, in_words(error, self._url))
                if is_denial(error):
                    await asyncio.sleep(denied.next())
                    continue
            denied.reset()
            await asyncio.sleep(pause.next())

    async def _one_session(self, pause: Backoff) -> None:
        async with (
            aiohttp.ClientSession() as http,
            asyncio.timeout(CONNECT_SECONDS) as patience,
            http.ws_connect(
                self._url,
                max_msg_size=MAX_MESSAGE_BYTES,
                compress=0,
                ssl=self._tls(),
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
            ) as socket,
        ):
            welcome, sent_at = await self._introduce(socket)
            patience.reschedule(None)
            pause.reset()
            try:
                self._begin(socket, welcome, sent_at)
                # No TaskGroup: before Python 3.13 it forgets a cancellation that comes while one of its
                # tasks fails, and a worker that is stopped as its manager goes would dial for ever.
                await race(
                    leases=self._lease_loop(),
                    reports=self._report_loop(),
                    receiver=self._hear_loop(socket),
                    doubts=self._doubt_loop(http),
                )
            finally:
                self._socket = None

    async def _introduce(self, socket: aiohttp.ClientWebSocketResponse) -> tuple[Welcome, float]:
        sent_at = self._clock.now().monotonic
        sockname = socket.get_extra_info("sockname")
        hello = self._hello(sockname[0] if sockname else "")
        self._images_told = hello.images
        await socket.send_bytes(encode_message(hello))
        match await _receive(socket):
            case Welcome() as welcome:
                return welcome, sent_at
            case Refuse(reason=reason, final=True):
                raise TurnedAway(reason)
            case Refuse(reason=reason):
                raise SessionEnded(f"refused: {reason}")
            case other:
                raise PeerFault(f"the manager answered a hello with {type(other).__name__}")

    def _begin(
        self, socket: aiohttp.ClientWebSocketResponse, welcome: Welcome, sent_at: float
    ) -> None:
        self._socket = socket
        self._outbox.clear()
        self._asked_for.clear()
        self._unacknowledged.clear()
        self._leases.clear()
        self._orders_seen = 0
        self._heard_at = self._confirmed_at = self._clock.now().monotonic
        self._heartbeat, self._lease = welcome.heartbeat, welcome.lease
        self._welcomed(welcome)
        self._tell(SessionOpened(welcome.epoch, welcome.lease, sent_at))
        log.info("session %d with %s", welcome.epoch, self._url)

    async def _lease_loop(self) -> NoReturn:
        number, usage_at = 0, float("-inf")
        while True:
            await self._beat.wait(self._heartbeat)
            now = self._clock.now().monotonic
            if now - self._confirmed_at > self._lease * SILENT_LEASES:
                raise SessionEnded("the manager confirms no lease any more")
            number += 1
            usage = None
            if now - usage_at >= USAGE_EVERY:
                usage, usage_at = self._usage(), now
            self._leases[number] = now
            error = self._runtime_error()
            images = self._images()
            news = images if images != self._images_told else None
            self._images_told = images
            await self.send(Lease(number=number, usage=usage, runtime_error=error, images=news))

    async def _doubt_loop(self, http: aiohttp.ClientSession) -> NoReturn:
        """End a session that is silent while the manager answers on another connection.

        A gap of two seconds can keep a TCP connection silent for four; one of the next packets would have got through.
        """
        while True:
            # A manager that was slow to answer has much to do: to be knocked at by everybody would be the end of it.
            heard_at, quiet = self._heard_at, self._lease * DOUBT_LEASES + self._confirmed_in
            await asyncio.sleep(heard_at + quiet - self._clock.now().monotonic)
            while self._heard_at == heard_at:
                if await knock(http, self._url, self._tls()) and self._heard_at == heard_at:
                    raise SessionEnded("the manager answers, but not on this connection")

    async def _report_loop(self) -> NoReturn:
        number = 0
        while True:
            await self._to_report.wait()
            while self._outbox:
                batch = [
                    id for id, _ in zip(self._outbox, range(REPORTS_PER_MESSAGE), strict=False)
                ]
                reports = tuple(Report(id, self._outbox.pop(id)) for id in batch)
                number += 1
                self._unacknowledged[number] = tuple(
                    (report.id, report.observed.sequence) for report in reports
                )
                await self.send(Observe(number=number, reports=reports))
                # What happens until these are recorded is gathered: a busy manager hears less often, and more at once.
                while self._unacknowledged:
                    await self._recorded.wait()
            while self._asked_for:
                some = tuple(self._asked_for[:DESCRIPTIONS_PER_MESSAGE])
                del self._asked_for[:DESCRIPTIONS_PER_MESSAGE]
                await self.send(Described(allocations=some))
            # After the send, not before it: what comes alone leaves at once, only a burst is gathered.
            await asyncio.sleep(self._report_every)

    async def _hear_loop(self, socket: aiohttp.ClientWebSocketResponse) -> NoReturn:
        while True:
            self._hear(await _receive(socket))

    def _hear(self, message: FromManager) -> None:
        self._heard_at = self._clock.now().monotonic
        match message:
            case LeaseHeld():
                self._confirm(message)
            case Acknowledge(number=number):
                self._acknowledge(number)
            case Instruct():
                self._orders_seen += 1
                if message.number != self._orders_seen:
                    raise PeerFault(
                        f"orders number {message.number} came where {self._orders_seen} was due"
                    )
                self._tell(Ordered(message.orders))
            case Renew():
                self._renew()
            case Refuse(reason=reason):
                raise SessionEnded(reason)
            case Welcome():
                raise PeerFault("the manager said welcome twice")
            case _:
                self._hand_on(message)

    def _confirm(self, held: LeaseHeld) -> None:
        sent_at = self._leases.get(held.number)
        if sent_at is None:
            return
        self._confirmed_at, self._confirmed_in = self._heard_at, self._heard_at - sent_at
        self._leases = {n: at for n, at in self._leases.items() if n > held.number}
        self._heartbeat, self._lease = held.heartbeat or self._heartbeat, held.lease or self._lease
        self._tell(LeaseConfirmed(sent_at, held.lease))

    def _acknowledge(self, number: int) -> None:
        recorded = [n for n in self._unacknowledged if n <= number]
        reports = tuple(pair for n in recorded for pair in self._unacknowledged.pop(n))
        self._tell(Acknowledged(reports))
        self._recorded.set()


async def _receive(socket: aiohttp.ClientWebSocketResponse) -> FromManager:
    message = await socket.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        return decode_from_manager(message.data)
    if message.type is aiohttp.WSMsgType.TEXT:
        raise PeerFault("the manager sent text; messages are binary")
    raise SessionEnded("the connection closed")
