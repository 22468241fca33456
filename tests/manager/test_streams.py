"""Where readers of logs and the workers that carry them meet: bounded, in whole lines, ended by either side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cube.errors import NotFound, Overloaded, PeerFault
from cube.manager import streams as streams_module
from cube.manager.streams import CHUNKS_AHEAD, Gathering, Lines, Note, Over, Streams, whole_lines

DEADLINE = 5.0


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless(line: bytes = b"x\n") -> AsyncIterator[bytes]:
    while True:
        yield line
        await asyncio.sleep(0)


async def broken_off(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise ConnectionResetError


async def taken(gathering: Gathering, count: int) -> list[Lines | Over | Note | None]:
    return [await gathering.next(DEADLINE) for _ in range(count)]


async def test_what_a_worker_brings_reaches_the_reader_and_then_its_end() -> None:
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        await streams.carry(stream_id, chunks(b"one\nt", b"wo\n"))
        assert await taken(gathering, 3) == [
            Lines(stream_id, b"one\n"),
            Lines(stream_id, b"two\n"),
            Over(stream_id),
        ]
        assert (gathering.open, gathering.empty) == (0, True)


async def test_a_connection_that_breaks_off_is_told_behind_its_lines() -> None:
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        with pytest.raises(ConnectionResetError):
            await streams.carry(stream_id, broken_off(b"one\n"))
        assert await taken(gathering, 2) == [
            Lines(stream_id, b"one\n"),
            Over(stream_id, "its connection broke off"),
        ]


async def test_an_id_is_good_for_one_connection() -> None:
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        await streams.carry(stream_id, chunks())
        with pytest.raises(NotFound):
            await streams.carry(stream_id, chunks())


async def test_a_worker_that_cannot_carry_says_why_and_only_once() -> None:
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        streams.refuse(stream_id, "no such container")
        streams.refuse(stream_id, "really")
        assert await taken(gathering, 1) == [Over(stream_id, "no such container")]
        assert gathering.empty


async def test_a_worker_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams_module, "ARRIVAL_SECONDS", 0)
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        problem = "its worker did not bring the log in time"
        assert await taken(gathering, 1) == [Over(stream_id, problem)]
        with pytest.raises(NotFound):
            await streams.carry(stream_id, chunks())
    assert len(streams) == 0


async def test_a_worker_that_came_is_given_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "ARRIVAL_SECONDS", 0)
    streams = Streams(limit=1)
    with streams.gather() as gathering:
        stream_id = gathering.expect()
        lines = chunks(*[b"x\n"] * CHUNKS_AHEAD)
        async with asyncio.timeout(DEADLINE):
            await streams.carry(stream_id, lines)
        assert await taken(gathering, CHUNKS_AHEAD + 1) == [
            *[Lines(stream_id, b"x\n")] * CHUNKS_AHEAD,
            Over(stream_id),
        ]


async def test_a_reader_that_pauses_stops_the_worker_and_one_that_reads_lets_it_go_on() -> None:
    brought = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal brought
        async for chunk in endless():
            brought += 1
            yield chunk

    async def brings(count: int) -> None:
        while brought < count:
            await asyncio.sleep(0)

    streams = Streams(limit=1)
    with streams.gather() as gathering:
        carrying = asyncio.create_task(streams.carry(gathering.expect(), counted()))
        async with asyncio.timeout(DEADLINE):
            await brings(CHUNKS_AHEAD + 1)
            for _ in range(10):
                await asyncio.sleep(0)
            assert brought == CHUNKS_AHEAD + 1
            await gathering.next(DEADLINE)
            await brings(CHUNKS_AHEAD + 2)
    async with asyncio.timeout(DEADLINE):
        await carrying


async def test_a_reader_that_leaves_ends_every_stream() -> None:
    streams = Streams(limit=2)
    with streams.gather() as gathering:
        carrying = asyncio.create_task(streams.carry(gathering.expect(), endless()))
        never_came = gathering.expect()
        await gathering.next(DEADLINE)
        assert len(streams) == gathering.open == 2
    async with asyncio.timeout(DEADLINE):
        await carrying
    assert len(streams) == 0
    with pytest.raises(NotFound):
        await streams.carry(never_came, chunks())


async def test_streams_are_bounded_over_all_readers() -> None:
    streams = Streams(limit=1)
    with streams.gather() as first, streams.gather() as second:
        stream_id = first.expect()
        with pytest.raises(Overloaded, match="1 streams are open already"):
            second.expect()
        first.end(stream_id)
        first.end(stream_id)
        assert len(streams) == 0
        second.expect()


async def test_the_managers_own_lines_come_among_the_others() -> None:
    with Streams(limit=1).gather() as gathering:
        assert await gathering.next(0) is None
        gathering.note(b"node w1 is away\n")
        gathering.note()
        assert await taken(gathering, 2) == [Note(b"node w1 is away\n"), Note()]


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        ((b"a", b"b\nc", b"\n", b"d\ne\nf"), [b"ab\n", b"c\n", b"d\ne\n", b"f\n"]),
        ((b"a\n",), [b"a\n"]),
        ((b"", b"\n\n"), [b"\n\n"]),
        ((), []),
    ],
)
async def test_lines_are_never_cut(parts: tuple[bytes, ...], lines: list[bytes]) -> None:
    assert [data async for data in whole_lines(chunks(*parts))] == lines


async def test_a_line_without_end_is_a_fault_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "LINE_BYTES", 10)
    whole = whole_lines(chunks(b"x" * 5 + b"\n" + b"y" * 10, b"y"))
    assert await anext(whole) == b"x" * 5 + b"\n"
    with pytest.raises(PeerFault, match="more than 10 bytes"):
        await anext(whole)
