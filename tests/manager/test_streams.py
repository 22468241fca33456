"""Where readers and the workers that carry streams to them meet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cube.errors import NotFound, Overloaded
from cube.manager.streams import Streams


class Reader:
    """Takes in what it is brought."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.ended: list[tuple[str, str]] = []

    async def take_in(self, stream_id: str, chunks: AsyncIterator[bytes]) -> None:
        self.taken += [(stream_id, chunk) async for chunk in chunks]

    def end(self, stream_id: str, problem: str = "") -> None:
        self.ended.append((stream_id, problem))


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_a_worker_brings_reaches_the_one_who_asked() -> None:
    streams, first, second = Streams(limit=2), Reader(), Reader()
    stream_id, other = streams.expect(first), streams.expect(second)
    await streams.carry(stream_id, chunks(b"one", b"two"))

    assert stream_id != other
    assert first.taken == [(stream_id, b"one"), (stream_id, b"two")]
    assert second.taken == []


async def test_an_id_is_good_for_one_connection() -> None:
    streams, reader = Streams(limit=1), Reader()
    stream_id = streams.expect(reader)
    await streams.carry(stream_id, chunks())
    with pytest.raises(NotFound):
        await streams.carry(stream_id, chunks())


async def test_a_worker_that_cannot_carry_says_why_and_only_once() -> None:
    streams, reader = Streams(limit=1), Reader()
    stream_id = streams.expect(reader)
    streams.refuse(stream_id, "no such container")
    streams.refuse(stream_id, "really")
    assert reader.ended == [(stream_id, "no such container")]


async def test_streams_are_bounded_over_all_readers() -> None:
    streams = Streams(limit=1)
    stream_id = streams.expect(Reader())
    with pytest.raises(Overloaded, match="1 streams are open already"):
        streams.expect(Reader())
    streams.ended(stream_id)
    assert len(streams) == 0
    with pytest.raises(NotFound):
        await streams.carry(stream_id, chunks())
    streams.expect(Reader())
