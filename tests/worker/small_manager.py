"""The manager's end of the session protocol, without a mind: it records what comes and sends what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from cube.model.allocation import Observed
from cube.model.ids import AllocationId
from cube.model.orders import Order
from cube.model.secret import SecretValue
from cube.wire.codec import decode_from_worker, decode_view, encode_message
from cube.wire.log_frames import Frame, FrameReader
from cube.wire.messages import (
    Acknowledge,
    AskAccount,
    AskSecret,
    FromManager,
    Hello,
    Instruct,
    Lease,
    LeaseHeld,
    Observe,
    OpenStream,
    Refuse,
    Sample,
    Sampled,
    StreamRefused,
    TellAccount,
    TellSecret,
    Welcome,
)
from cube.wire.routes import HEALTHZ, SESSION, STREAM
from cube.wire.views import LogRecord


class SmallManager:
    """`acknowledges`, `confirms` and `answers` may be turned off to see what a worker does without an answer.

    While `denies` nobody is let in; when that was is in `denied_at`.
    """

    def __init__(self) -> None:
        self.hellos: list[Hello] = []
        self.leases: list[Lease] = []
        self.reports: list[tuple[AllocationId, Observed]] = []
        self.refusals: list[StreamRefused] = []
        self.frames: list[Frame] = []
        self.sampled: list[Sampled] = []
        self.records: list[LogRecord] = []
        self.asked: list[AskSecret] = []
        self.secrets: dict[str, bytes] = {}
        self.streams_ended = 0
        self.acknowledges = self.confirms = self.answers = True
        self.refuse: Refuse | None = None
        self.denies = False
        self.denied_at: list[float] = []
        self.first_orders: tuple[Order, ...] = ()
        self.heartbeat, self.lease = 0.05, 0.4
        self.port = 0
        self._socket: web.WebSocketResponse | None = None
        self._instructed = 0
        self._changed = asyncio.Condition()

    @property
    def newest(self) -> Observed:
        return self.reports[-1][1]

    @property
    def phases(self) -> list[str]:
        return [observed.phase.name for _, observed in self.reports]

    async def instruct(self, *orders: Order, skip: int = 0) -> None:
        self._instructed += 1 + skip
        await self.say(Instruct(number=self._instructed, orders=orders))

    async def say(self, message: FromManager) -> None:
        await self.say_bytes(encode_message(message))

    async def say_bytes(self, data: bytes) -> None:
        assert self._socket is not None
        await self._socket.send_bytes(data)

    async def open_stream(self, id: AllocationId, **wanted: Any) -> None:
        await self.say(OpenStream(stream_id="s1", id=id, **wanted))

    async def sample(self, number: int) -> None:
        await self.say(Sample(number=number))

    async def hang_up(self) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until the condition holds after something was heard."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def nudge(self) -> None:
        """Let waiters look again."""
        async with self._changed:
            self._changed.notify_all()

    async def _session(self, request: web.Request) -> web.StreamResponse:
        if self.denies:
            self.denied_at.append(asyncio.get_running_loop().time())
            await self.nudge()
            return web.Response(status=401)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for frame in socket:
            await self._hear(socket, frame.data)
            await self.nudge()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, data: bytes) -> None:
        match decode_from_worker(data):
            case Hello() as hello:
                await self._welcome(socket, hello)
            case Lease() as lease:
                self.leases.append(lease)
                if self.confirms:
                    await socket.send_bytes(encode_message(LeaseHeld(number=lease.number)))
            case Observe() as observe:
                self.reports.extend((report.id, report.observed) for report in observe.reports)
                if self.acknowledges:
                    await socket.send_bytes(encode_message(Acknowledge(number=observe.number)))
            case AskSecret() as asked:
                self.asked.append(asked)
                value = self.secrets.get(asked.name)
                told = TellSecret(
                    id=asked.id,
                    name=asked.name,
                    secret=None if value is None else SecretValue(asked.name, 1, value),
                    why="" if value is not None else "there is none",
                )
                await socket.send_bytes(encode_message(told))
            case AskAccount(id=id, registry=registry):
                nobody = TellAccount(id=id, registry=registry)
                await socket.send_bytes(encode_message(nobody))
            case StreamRefused() as refusal:
                self.refusals.append(refusal)
            case Sampled() as sampled:
                self.sampled.append(sampled)

    async def _welcome(self, socket: web.WebSocketResponse, hello: Hello) -> None:
        self.hellos.append(hello)
        if self.refuse is not None:
            await socket.send_bytes(encode_message(self.refuse))
            return
        self._socket, self._instructed = socket, 0
        welcome = Welcome(
            cluster_id="cluster",
            epoch=len(self.hellos),
            heartbeat=self.heartbeat,
            lease=self.lease,
        )
        await socket.send_bytes(encode_message(welcome))
        await self.instruct(*self.first_orders)

    async def _healthz(self, request: web.Request) -> web.Response:
        if not self.answers:
            await asyncio.Event().wait()
        return web.Response()

    async def _stream(self, request: web.Request) -> web.Response:
        reader = FrameReader()
        async for chunk in request.content.iter_any():
            for frame in reader.feed(chunk):
                self.frames.append(frame)
                lines = frame.batch.body.splitlines()
                self.records += [decode_view(line, LogRecord) for line in lines]
            await self.nudge()
        self.streams_ended += 1
        await self.nudge()
        return web.Response()


@asynccontextmanager
async def small_manager() -> AsyncIterator[SmallManager]:
    """A manager that listens on a free port."""
    manager = SmallManager()
    application = web.Application()
    application.router.add_get(SESSION, manager._session)
    application.router.add_get(HEALTHZ, manager._healthz)
    application.router.add_post(STREAM, manager._stream)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    manager.port = runner.addresses[0][1]
    try:
        yield manager
    finally:
        await runner.cleanup()
