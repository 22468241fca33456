"""Carries logs to the manager, each over a connection of its own, so that TCP does the flow control."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

import aiohttp

from cube.aio.clock import Clock
from cube.aio.supervise import Supervisor
from cube.core.worker.core import WorkerCore
from cube.core.worker.workload import Workload
from cube.model.ids import AllocationId
from cube.runtime.contract import Runtime
from cube.wire import routes
from cube.wire.messages import FromWorker, OpenStream, StreamRefused
from cube.worker.logs import AllocationLog, Followers
from cube.worker.session import SessionEnded

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0


class Streams:
    """The streams being carried now, at most `limit` of them."""

    def __init__(
        self,
        *,
        manager_url: str,
        node: str,
        core: WorkerCore,
        runtime: Runtime,
        clock: Clock,
        supervisor: Supervisor,
        limit: int,
        send: Callable[[FromWorker], Awaitable[None]],
        tls: Callable[[], ssl.SSLContext | bool] = lambda: True,
    ) -> None:
        self._manager_url = manager_url
        self._tls = tls
        self._node = node
        self._core = core
        self._runtime = runtime
        self._clock = clock
        self._supervisor = supervisor
        self._limit = limit
        self._send = send
        self._open = 0
        self._followers = Followers()

    def open(self, wanted: OpenStream) -> None:
        """Carry the stream, or tell the manager why not."""
        workload = self._core.get(wanted.id)
        if self._open >= self._limit:
            self._refuse(wanted, f"{self._limit} streams are open already on {self._node}")
        elif workload is None or workload.spec is None:
            self._refuse(wanted, f"nothing of it is on {self._node}")
        else:
            self._open += 1
            carrying = self._carry(wanted, self._frames(wanted, workload))
            self._supervisor.spawn(carrying, f"stream {wanted.stream_id}")

    def changed(self, id: AllocationId) -> None:
        """Let those who follow this allocation look whether it has another container now."""
        self._followers.changed(id)

    def _refuse(self, wanted: OpenStream, reason: str) -> None:
        refusal = StreamRefused(stream_id=wanted.stream_id, reason=reason)
        self._supervisor.spawn(self._say(refusal), f"refusal {wanted.stream_id}")

    async def _say(self, refusal: StreamRefused) -> None:
        try:
            await self._send(refusal)
        except SessionEnded:
            log.debug("stream %s: the session ended before the refusal", refusal.stream_id)

    async def _carry(self, wanted: OpenStream, body: AsyncGenerator[bytes]) -> None:
        url = self._manager_url + routes.STREAM.format(stream_id=wanted.stream_id)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        headers = {"Content-Type": "application/octet-stream"}
        try:
            async with (
                aiohttp.ClientSession(timeout=limits) as http,
                http.post(url, data=body, headers=headers, ssl=self._tls()) as answer,
            ):
                if answer.status >= 400:
                    log.warning("stream %s: the manager says %d", wanted.stream_id, answer.status)
        except (aiohttp.ClientError, OSError) as error:
            # The reader went away: the usual end of a followed log.
            log.debug("stream %s ended: %r", wanted.stream_id, error)
        finally:
            self._open -= 1
            # When the manager hangs up, the task that sends the body may be inside it still: it is being
            # cancelled, and leaves the body by itself.
            with suppress(RuntimeError):
                await body.aclose()

    async def _frames(self, wanted: OpenStream, workload: Workload) -> AsyncGenerator[bytes]:
        reading = AllocationLog(
            wanted, workload, node=self._node, runtime=self._runtime, clock=self._clock
        )
        changed = self._followers.enter(wanted.id)
        try:
            async with aclosing(reading.frames(changed)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            self._followers.leave(wanted.id, changed)
