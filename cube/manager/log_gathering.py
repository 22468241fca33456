"""The logs that workers bring for one reader, as one sequence in the order of time. Never more in memory than a bound.

What comes is merged (`core/log_merge.py`) and passed on without being read. TCP stops a worker whose lines wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import msgspec

from cube.aio.race import race
from cube.aio.wakeup import Wakeup
from cube.core.log_merge import Merge
from cube.errors import PeerFault
from cube.manager.streams import Streams
from cube.model.ids import AllocationId
from cube.model.logs import Mark
from cube.wire.log_frames import Frame, FrameKind, FrameReader

ARRIVAL_SECONDS = 10.0  # a worker dials at once; this covers a slow link and a busy engine
BROKE_OFF = "its connection broke off"


class Over(msgspec.Struct, frozen=True, gc=False):
    """One stream has ended: with all that there was, or with a problem."""

    stream_id: str
    problem: str = ""


class _Stream(msgspec.Struct):
    """One stream that is expected or carried."""

    id: AllocationId
    timer: asyncio.TimerHandle | None  # None: it has arrived
    ended: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class LogGathering:
    """The logs of one reader. Enter it; leaving it ends them all."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._open: dict[str, _Stream] = {}
        self._merge = Merge()
        self._over: list[Over] = []
        self._news = Wakeup()
        self._woken = False
        self._room = asyncio.Condition()
        self.marks: dict[AllocationId, Mark] = {}
        """How far each log was read: behind the last frame that came whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stream_id in list(self._open):
            self.end(stream_id)

    def expect(self, id: AllocationId) -> str:
        """Return the id of a stream that a worker is to bring within ten seconds. Overloaded at the limit."""
        stream_id = self._streams.expect(self)
        loop = asyncio.get_running_loop()
        late = "its worker did not bring the log in time"
        timer = loop.call_later(ARRIVAL_SECONDS, self.end, stream_id, late)
        self._open[stream_id] = _Stream(id, timer)
        self._merge.open(id, loop.time())
        return stream_id

    def end(self, stream_id: str, problem: str = "") -> None:
        """Count the stream as over. What came of it stays. Repeats safely."""
        if (stream := self._open.pop(stream_id, None)) is not None:
            self._stop_waiting(stream)
            self._streams.ended(stream_id)
            self._merge.end(stream.id)
            self._over.append(Over(stream_id, problem))
            stream.ended.set()
            self._news.set()

    async def take_in(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Take the frames of one log until it or the reader ends."""
        stream = self._open[stream_id]
        self._stop_waiting(stream)
        try:
            await race(worker=self._read(stream_id, stream, chunks), reader=stream.ended.wait())
        except PeerFault as fault:
            self.end(stream_id, fault.message)
            raise
        finally:
            self.end(stream_id, BROKE_OFF)

    def wake(self) -> None:
        """Let the reader look at once."""
        self._woken = True
        self._news.set()

    async def next(self, seconds: float) -> tuple[bytes, list[Over]]:
        """Return the next lines, and what has ended; neither when the reader was woken, or for that long nothing came.

        Of a stream that has ended there may be lines to come.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            now = loop.time()
            data = self._merge.take(now)
            over, self._over = self._over, []
            woken, self._woken = self._woken, False
            if data:
                async with self._room:
                    self._room.notify_all()
            if data or over or woken or now >= until:
                return data, over
            due = self._merge.due(now)
            await self._news.wait(max(min(until, due or until) - now, 0.0))

    @property
    def empty(self) -> bool:
        """Whether everything that came was taken."""
        return self._merge.empty and not self._over

    def arrived(self, stream_id: str) -> bool:
        """Whether its worker has begun to bring it."""
        stream = self._open.get(stream_id)
        return stream is not None and stream.timer is None

    async def _read(self, stream_id: str, stream: _Stream, chunks: AsyncIterator[bytes]) -> None:
        frames = FrameReader()
        async for chunk in chunks:
            for frame in frames.feed(chunk):
                if frame.kind is FrameKind.END:
                    self.end(stream_id)
                    return
                await self._take(stream, frame)

    async def _take(self, stream: _Stream, frame: Frame) -> None:
        if self._merge.full(stream.id):
            async with self._room:
                await self._room.wait_for(lambda: not self._merge.full(stream.id))
        if stream.ended.is_set():
            return
        if frame.kind is FrameKind.CAUGHT_UP:
            self._merge.catch_up(stream.id)
        elif frame.batch.body:
            self._merge.put(stream.id, frame.batch, asyncio.get_running_loop().time())
            self.marks[stream.id] = frame.mark
        self._news.set()

    def _stop_waiting(self, stream: _Stream) -> None:
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
