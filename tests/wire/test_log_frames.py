"""Frames of a log: whole again however they arrive, and refused when they are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import PeerFault
from cube.model.logs import Mark
from cube.wire.log_frames import FRAME_BYTES, Frame, FrameKind, FrameReader, encode_frame

MARK = Mark(restart=3, out_ns=2**62, out_lines=7, err_ns=5, err_lines=2**32 - 1)
LINES = encode_frame(FrameKind.LINES, MARK, [5, 2**62], b"one\ntwo\n")
CAUGHT_UP = encode_frame(FrameKind.CAUGHT_UP, MARK)


def read(*pieces: bytes) -> list[Frame]:
    reader = FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


@given(st.integers(1, 200))
def test_frames_do_not_depend_on_how_they_arrive(size: int) -> None:
    data = LINES + CAUGHT_UP + LINES
    first, second, third = read(*(data[at : at + size] for at in range(0, len(data), size)))

    assert first == third
    assert (first.kind, first.mark) == (FrameKind.LINES, MARK)
    assert (first.batch.times, first.batch.lines) == ((5, 2**62), [b"one", b"two"])
    assert (second.kind, second.mark, second.batch.body) == (FrameKind.CAUGHT_UP, MARK, b"")


def test_half_a_frame_is_none() -> None:
    assert read(LINES[:-1]) == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x09" + LINES[1:],
        b'{"name": "web.1", "node": "w1", "text": "what an older worker sends"}\n',
        encode_frame(FrameKind.LINES, MARK, [1], b"one\ntwo\n"),
        encode_frame(FrameKind.LINES, MARK, [1], b"one\ntwo"),
        LINES[:5] + FRAME_BYTES.to_bytes(4, "little") + LINES[9:],
    ],
    ids=["kind", "json", "too many lines", "no end", "too long"],
)
def test_what_is_no_frame_is_a_fault_of_the_worker(data: bytes) -> None:
    with pytest.raises(PeerFault, match="a worker sent"):
        read(data)
