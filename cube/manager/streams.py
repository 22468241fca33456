"""Where a reader and the workers that carry streams to it meet.

The manager tells a worker over its session to carry a stream; the worker opens a connection for it. Nothing is stored:
a reader that stops reading stops the worker through TCP, and either end closes the other.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Protocol

from cube.errors import NotFound, Overloaded


class Taker(Protocol):
    """Who waits for streams."""

    async def take_in(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Take what a worker sends; return when either end is done. `end` was called by then."""

    def end(self, stream_id: str, problem: str = "") -> None:
        """Wait no more for this one. Repeats safely."""


class Streams:
    """All streams that are expected or being carried."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open = 0
        self._expected: dict[str, Taker] = {}

    def expect(self, taker: Taker) -> str:
        """Return the id of a stream that a worker is to bring; give it back by `ended`. Overloaded at the limit."""
        if self._open >= self._limit:
            raise Overloaded(f"{self._limit} streams are open already", hint="end one first")
        self._open += 1
        stream_id = secrets.token_urlsafe(24)
        self._expected[stream_id] = taker
        return stream_id

    async def carry(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Bring what the worker sends to the one who asked; return when either end is done.

        NotFound when nobody waits for a stream of that id (any more): an id is good for one connection.
        """
        taker = self._expected.pop(stream_id, None)
        if taker is None:
            raise NotFound("nobody waits for this stream")
        await taker.take_in(stream_id, chunks)

    def refuse(self, stream_id: str, reason: str) -> None:
        """The worker cannot carry this one. Unknown ids are ignored: the reader may have left."""
        if taker := self._expected.pop(stream_id, None):
            taker.end(stream_id, reason)

    def ended(self, stream_id: str) -> None:
        """Count it no more. Once for each that was expected."""
        self._open -= 1
        self._expected.pop(stream_id, None)

    def __len__(self) -> int:
        return self._open
