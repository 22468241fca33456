"""Where a reader of logs and the workers that carry them meet.

The manager tells a worker over its session to carry a stream; the worker opens a connection for it and sends whole
lines. Nothing is stored: a reader that stops reading stops the worker through TCP, and either end closes the other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import msgspec

from cube.aio.race import race
from cube.errors import NotFound, Overloaded, PeerFault

ARRIVAL_SECONDS = 10.0  # a worker dials at once; this covers a slow link and a busy engine
CHUNKS_AHEAD = 16  # of at most 64 KiB each: what a reader that pauses costs
LINE_BYTES = 256 * 1024  # a line of 16 KiB with every byte escaped, and room


class Lines(msgspec.Struct, frozen=True, gc=False):
    """Whole lines of one stream."""

    stream_id: str
    data: bytes


class Over(msgspec.Struct, frozen=True, gc=False):
    """One stream has ended; `problem` says why, when that was too early."""

    stream_id: str
    problem: str = ""


class Note(msgspec.Struct, frozen=True, gc=False):
    """Lines of the manager's own, or none: something to look at."""

    data: bytes = b""


class Streams:
    """All streams that are expected or being carried."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open = 0
        self._expected: dict[str, Gathering] = {}

    def gather(self) -> Gathering:
        """Return a place where streams come together. Enter it; leaving it ends them all."""
        return Gathering(self)

    async def carry(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Bring what the worker sends to the one who asked; return when either end is done.

        NotFound when nobody waits for a stream of that id (any more): an id is good for one connection.
        """
        gathering = self._expected.pop(stream_id, None)
        if gathering is None:
            raise NotFound("nobody waits for this stream")
        await gathering.take_in(stream_id, chunks)

    def refuse(self, stream_id: str, reason: str) -> None:
        """The worker cannot carry this one. Unknown ids are ignored: the reader may have left."""
        if gathering := self._expected.pop(stream_id, None):
            gathering.end(stream_id, reason)

    def _expect(self, gathering: Gathering) -> str:
        if self._open >= self._limit:
            raise Overloaded(f"{self._limit} streams are open already", hint="end one first")
        self._open += 1
        stream_id = secrets.token_urlsafe(24)
        self._expected[stream_id] = gathering
        return stream_id

    def _ended(self, stream_id: str) -> None:
        self._open -= 1
        self._expected.pop(stream_id, None)

    def __len__(self) -> int:
        return self._open


class Gathering:
    """The streams of one reader, as one sequence."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._items: asyncio.Queue[Lines | Over | Note] = asyncio.Queue()  # bounded by `_room`
        self._room = asyncio.Semaphore(CHUNKS_AHEAD)
        self._timers: dict[str, asyncio.TimerHandle | None] = {}  # by stream; None: it has arrived
        self._left = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        for stream_id in list(self._timers):
            self.end(stream_id)

    def expect(self) -> str:
        """Return the id of a stream that a worker is to bring within ten seconds. Overloaded at the limit."""
        stream_id = self._streams._expect(self)
        self._timers[stream_id] = asyncio.get_running_loop().call_later(
            ARRIVAL_SECONDS, self.end, stream_id, "its worker did not bring the log in time"
        )
        return stream_id

    def end(self, stream_id: str, problem: str = "") -> None:
        """Count the stream as over. Repeats safely."""
        if stream_id in self._timers:
            self._stop_waiting(stream_id)
            del self._timers[stream_id]
            self._streams._ended(stream_id)
            self._items.put_nowait(Over(stream_id, problem))

    async def take_in(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Pass the lines of one stream on until it or the reader ends."""
        self._stop_waiting(stream_id)
        try:
            await race(worker=self._read(stream_id, chunks), reader=self._left.wait())
        except BaseException:
            self.end(stream_id, "its connection broke off")
            raise
        self.end(stream_id)

    def note(self, data: bytes = b"") -> None:
        """Put lines of the manager's own among the others, or just wake the reader."""
        self._items.put_nowait(Note(data))

    async def next(self, seconds: float) -> Lines | Over | Note | None:
        """Return what came next; None when nothing did for that long."""
        try:
            async with asyncio.timeout(seconds):
                item = await self._items.get()
        except TimeoutError:
            return None
        if isinstance(item, Lines):
            self._room.release()
        return item

    @property
    def open(self) -> int:
        """How many streams are expected or being carried."""
        return len(self._timers)

    @property
    def empty(self) -> bool:
        """Whether everything that came was taken."""
        return self._items.empty()

    async def _read(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        async for data in whole_lines(chunks):
            await self._room.acquire()
            self._items.put_nowait(Lines(stream_id, data))

    def _stop_waiting(self, stream_id: str) -> None:
        if timer := self._timers.get(stream_id):
            timer.cancel()
            self._timers[stream_id] = None


async def whole_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut anew what came cut anywhere, so that lines of several streams never mix."""
    rest = b""
    async for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield rest + head + newline
            rest = tail
        else:
            rest += chunk
        if len(rest) > LINE_BYTES:
            raise PeerFault(f"a worker sent a log line of more than {LINE_BYTES} bytes")
    if rest:
        yield rest + b"\n"
