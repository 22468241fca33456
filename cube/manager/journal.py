"""What is told to everybody alike, kept once: each follower only remembers how far it has read.

So a thousand followers cost a thousand numbers, and one that does not read costs nothing more: when what it did not
read has been dropped, it has to begin again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from cube.errors import CubeError

CHUNK_BYTES = 16 * 1024  # read at once; what a follower that has just stopped reading costs at most


class Overtaken(CubeError):
    """What came next was dropped already, or never was."""

    code = "overtaken"


class Journal:
    """Messages numbered without gaps, the newest of them kept, up to a number and a size."""

    def __init__(self, *, items: int, size: int) -> None:
        self._items = items
        self._size = size
        self._kept: dict[int, bytes] = {}
        self._bytes = 0
        self._first = 1  # number of the oldest that is kept, or of the next one
        self._end = 1  # number of the next one
        self._news = asyncio.Event()
        self._chunk = (0, 0, b"")  # as last read: all who keep up read the same
        self.written = 0
        """Bytes so far."""
        self.closed = False

    @property
    def end(self) -> int:
        """The number that the next message will have."""
        return self._end

    def append(self, messages: Iterable[bytes]) -> None:
        """Keep the messages, drop the oldest beyond the bounds, and wake who waits."""
        for message in messages:
            self._kept[self._end] = message
            self._end += 1
            self._bytes += len(message)
            self.written += len(message)
        # The newest stays however large it is: a reader that keeps up gets it.
        while self._first < self._end - 1 and (
            len(self._kept) > self._items or self._bytes > self._size
        ):
            self._bytes -= len(self._kept.pop(self._first))
            self._first += 1
        self._wake()

    def start_over(self) -> None:
        """Forget everything: whoever has read anything begins again."""
        self._kept.clear()
        self._bytes = 0
        self._end += 1
        self._first = self._end
        self._wake()

    def close(self) -> None:
        """Let readers take what is there, and no more."""
        self.closed = True
        self._wake()

    def holds(self, number: int) -> bool:
        """Whether one can read on from that number."""
        return self._first <= number <= self._end

    def read(self, number: int) -> tuple[bytes, int]:
        """Return what comes from that number on, as much as fits one chunk, and the number to go on from.

        Overtaken when it is not there any more.
        """
        if not self.holds(number):
            raise Overtaken("what came next is not kept any more")
        begin, end, data = self._chunk
        if begin != number or end == begin:  # what was added since comes with the next
            end, data = self._collect(number)
            self._chunk = (number, end, data)
        return data, end

    async def news(self, number: int) -> bool:
        """Return when there is something from that number on, or never will be; False when it is closed."""
        while number == self._end and not self.closed:
            await self._news.wait()
        return number != self._end

    def _collect(self, number: int) -> tuple[int, bytes]:
        taken: list[bytes] = []
        size = 0
        while number < self._end and (not taken or size + len(self._kept[number]) <= CHUNK_BYTES):
            taken.append(self._kept[number])
            size += len(taken[-1])
            number += 1
        return number, b"".join(taken)

    def _wake(self) -> None:
        woken, self._news = self._news, asyncio.Event()
        woken.set()
