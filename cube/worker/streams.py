"""Carries logs to the manager, each over a connection of its own, so that TCP does the flow control."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

import aiohttp

from cube.aio.supervise import Supervisor
from cube.aio.wakeup import Wakeup
from cube.core.restart import Over
from cube.core.worker.core import WorkerCore
from cube.core.worker.workload import Workload
from cube.model.container import ContainerSeen, ContainerState
from cube.model.ids import AllocationId, slot_name, split_allocation_id
from cube.runtime.contract import LogLine, LogOptions, Runtime, RuntimeFailure
from cube.wire import routes
from cube.wire.codec import encode_view
from cube.wire.messages import FromWorker, OpenStream, StreamRefused
from cube.wire.views import LogRecord
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
        self._supervisor = supervisor
        self._limit = limit
        self._send = send
        self._open = 0
        self._followers: dict[AllocationId, set[Wakeup]] = {}

    def open(self, wanted: OpenStream) -> None:
        """Carry the stream, or tell the manager why not."""
        reason = self._why_not(wanted)
        if reason:
            self._supervisor.spawn(self._refuse(wanted, reason), f"refusal {wanted.stream_id}")
        else:
            self._open += 1
            self._supervisor.spawn(self._carry(wanted), f"stream {wanted.stream_id}")

    def changed(self, id: AllocationId) -> None:
        """Let those who follow this allocation look whether it has another container now."""
        for wakeup in self._followers.get(id, ()):
            wakeup.set()

    def _why_not(self, wanted: OpenStream) -> str:
        if self._open >= self._limit:
            return f"{self._limit} streams are open already on {self._node}"
        workload = self._core.get(wanted.id)
        if workload is None or workload.spec is None:
            return f"nothing of it is on {self._node}"
        return ""

    async def _refuse(self, wanted: OpenStream, reason: str) -> None:
        try:
            await self._send(StreamRefused(stream_id=wanted.stream_id, reason=reason))
        except SessionEnded:
            log.debug("stream %s: the session ended before the refusal", wanted.stream_id)

    async def _carry(self, wanted: OpenStream) -> None:
        url = self._manager_url + routes.STREAM.format(stream_id=wanted.stream_id)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        headers = {"Content-Type": "application/x-ndjson"}
        body = self._bytes(wanted)
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

    async def _bytes(self, wanted: OpenStream) -> AsyncGenerator[bytes]:
        async with aclosing(self._records(wanted)) as records:
            async for record in records:
                yield encode_view(record) + b"\n"

    async def _records(self, wanted: OpenStream) -> AsyncGenerator[LogRecord]:
        """The log of all runs still kept here, oldest first, then, to follow, of those to come."""
        workload = self._core.get(wanted.id)
        if workload is None:
            return
        tails = await self._tails(wanted, workload)
        told: set[str] = set()
        wakeup = Wakeup()
        self._followers.setdefault(wanted.id, set()).add(wakeup)
        try:
            while True:
                for seen in _untold(workload, told):
                    told.add(seen.id)
                    follow = wanted.follow and _is_current(workload, seen)
                    options = _options(wanted, tails.get(seen.id), follow=follow)
                    async with aclosing(self._of_run(workload, seen, options)) as records:
                        async for record in records:
                            yield record
                if not wanted.follow or _is_over(workload):
                    return
                await wakeup.wait()
        finally:
            self._unfollow(wanted.id, wakeup)

    async def _tails(self, wanted: OpenStream, workload: Workload) -> dict[str, int]:
        """How many of the last lines each run contributes, so that all together are the tail asked for."""
        tails: dict[str, int] = {}
        left = wanted.tail
        if left is None:
            return tails
        for seen in reversed(_untold(workload, set())):
            tails[seen.id] = left
            options = _options(wanted, left, follow=False)
            async with aclosing(self._of_run(workload, seen, options)) as records:
                left -= len([record async for record in records]) if left else 0
            left = max(left, 0)
        return tails

    async def _of_run(
        self, workload: Workload, seen: ContainerSeen, options: LogOptions
    ) -> AsyncGenerator[LogRecord]:
        name = _name(workload)
        try:
            async with aclosing(self._runtime.logs(seen.id, options)) as lines:
                async for line in lines:
                    yield self._record(name, seen, line)
        except RuntimeFailure as failure:
            yield LogRecord(name=name, node=self._node, warning=failure.message)

    def _record(self, name: str, seen: ContainerSeen, line: LogLine) -> LogRecord:
        return LogRecord(
            name=name,
            node=self._node,
            at_ns=line.at_ns,
            stream=line.stream,
            text=line.text,
            partial=line.partial,
            restart=seen.label.restart,
        )

    def _unfollow(self, id: AllocationId, wakeup: Wakeup) -> None:
        followers = self._followers.get(id, set())
        followers.discard(wakeup)
        if not followers:
            self._followers.pop(id, None)


def _options(wanted: OpenStream, tail: int | None, *, follow: bool) -> LogOptions:
    return LogOptions(
        follow=follow,
        tail=tail,
        since_ns=wanted.since_ns,
        until_ns=wanted.until_ns,
        stdout=wanted.stdout,
        stderr=wanted.stderr,
    )


def _untold(workload: Workload, told: set[str]) -> list[ContainerSeen]:
    """The containers that have run and were not told yet, the oldest first."""
    return [
        seen
        for seen in reversed(workload.containers)
        if seen.id not in told and seen.state is not ContainerState.CREATED
    ]


def _is_current(workload: Workload, seen: ContainerSeen) -> bool:
    # By id: a newer view of the same container may have come meanwhile.
    return workload.current is not None and workload.current.id == seen.id


def _is_over(workload: Workload) -> bool:
    return workload.removed or isinstance(workload.verdict, Over)


def _name(workload: Workload) -> str:
    assert workload.spec is not None
    return slot_name(workload.spec.name, split_allocation_id(workload.id)[1])
