"""The logs that workers bring for one reader: bounded, in order, ended by either side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cube.core.log_merge import ROOM_BYTES
from cube.errors import NotFound, PeerFault
from cube.manager import log_gathering
from cube.manager.log_gathering import BROKE_OFF, LogGathering, Over
from cube.manager.streams import Streams
from cube.model.ids import AllocationId
from cube.model.logs import Mark
from cube.wire.log_frames import FrameKind, encode_frame

DEADLINE = 5.0
A, B = AllocationId("t.1.1"), AllocationId("t.2.1")
END = encode_frame(FrameKind.END, Mark())
CAUGHT_UP = encode_frame(FrameKind.CAUGHT_UP, Mark())


def lines(*times: int, text: str = "") -> bytes:
    """A frame with a line for each time, and the mark behind the last."""
    body = "".join(f"{time}{text}\n" for time in times).encode()
    mark = Mark(out_ns=times[-1], out_lines=1)
    return encode_frame(FrameKind.LINES, mark, times, body)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def taken(gathering: LogGathering) -> tuple[bytes, list[Over]]:
    """What comes until nothing does."""
    data = b""
    over: list[Over] = []
    while True:
        some, ended = await gathering.next(0)
        if not some and not ended:
            return data, over
        data, over = data + some, over + ended


async def test_what_a_worker_brings_reaches_the_reader_and_so_does_its_end() -> None:
    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        assert not gathering.arrived(stream_id)
        data = lines(1, 2) + lines(3) + END
        await streams.carry(stream_id, chunks(data[:70], data[70:]))
        assert not gathering.empty
        assert await taken(gathering) == (b"1\n2\n3\n", [Over(stream_id)])
        assert gathering.empty and len(streams) == 0


async def test_the_lines_of_several_come_in_the_order_of_time() -> None:
    streams = Streams(limit=2)
    with LogGathering(streams) as gathering:
        first, second = gathering.expect(A), gathering.expect(B)
        await streams.carry(second, chunks(lines(2, 4), END))
        assert (await taken(gathering))[0] == b""
        await streams.carry(first, chunks(lines(1, 3, 5), END))
        assert (await taken(gathering))[0] == b"1\n2\n3\n4\n5\n"


async def test_a_log_without_its_end_has_broken_off_behind_its_mark() -> None:
    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        await streams.carry(stream_id, chunks(lines(1), lines(2)[:-1]))
        assert await taken(gathering) == (b"1\n", [Over(stream_id, BROKE_OFF)])
        assert gathering.marks == {A: Mark(out_ns=1, out_lines=1)}


async def test_what_is_no_log_is_told_as_such() -> None:
    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        with pytest.raises(PeerFault):
            await streams.carry(stream_id, chunks(b"x" * 100))
        [over] = (await taken(gathering))[1]
        assert "no log" in over.problem


async def test_a_worker_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_gathering, "ARRIVAL_SECONDS", 0)
    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        late = "its worker did not bring the log in time"
        assert await gathering.next(DEADLINE) == (b"", [Over(stream_id, late)])
        with pytest.raises(NotFound):
            await streams.carry(stream_id, chunks())


async def test_a_worker_that_came_is_given_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_gathering, "ARRIVAL_SECONDS", 0)
    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        await streams.carry(stream_id, chunks(lines(1), END))
        assert (await taken(gathering))[1] == [Over(stream_id)]


async def test_a_reader_that_pauses_stops_the_worker_and_one_that_reads_lets_it_go_on() -> None:
    brought = 0
    line = "x" * (ROOM_BYTES // 4)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal brought
        while True:
            brought += 1
            yield lines(brought, text=line)
            await asyncio.sleep(0)

    async def settled() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return brought

    streams = Streams(limit=1)
    with LogGathering(streams) as gathering:
        stream_id = gathering.expect(A)
        carrying = asyncio.create_task(streams.carry(stream_id, endless()))
        assert await settled() == await settled() == 5  # four wait, and the fifth is in the hand
        assert gathering.arrived(stream_id)
        data, _ = await gathering.next(DEADLINE)
        assert len(data) > ROOM_BYTES
        assert await settled() > 5
    async with asyncio.timeout(DEADLINE):
        await carrying
    assert len(streams) == 0


async def test_a_reader_is_woken_and_is_let_go_after_a_while() -> None:
    with LogGathering(Streams(limit=1)) as gathering:
        assert await gathering.next(0) == (b"", [])
        gathering.wake()
        async with asyncio.timeout(DEADLINE):
            assert await gathering.next(60) == (b"", [])


async def test_lines_that_were_held_come_without_another_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cube.core.log_merge.HOLD_SECONDS", 0.01)
    streams = Streams(limit=2)
    with LogGathering(streams) as gathering:
        silent = asyncio.create_task(streams.carry(gathering.expect(B), _says(CAUGHT_UP)))
        one = asyncio.create_task(streams.carry(gathering.expect(A), _says(CAUGHT_UP, lines(7))))
        async with asyncio.timeout(DEADLINE):
            assert (await gathering.next(60))[0] == b"7\n"
    await asyncio.gather(silent, one)


async def _says(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    await asyncio.Event().wait()
