"""Byte streams: whatever the network makes of them, the pieces come out whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.runtime.streams import BrokenStream, Frames, Lines

contents = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=50)))


def frame(stream: str, content: bytes) -> bytes:
    kind = {"stdout": 1, "stderr": 2}[stream]
    return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@given(frames=contents, size=st.integers(1, 20))
def test_frames_do_not_depend_on_how_they_arrive(
    frames: list[tuple[str, bytes]], size: int
) -> None:
    data = b"".join(frame(*one) for one in frames)
    reader = Frames()

    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert [one for piece in pieces for one in reader.feed(piece)] == frames


@pytest.mark.parametrize("data", [b"HTTP/1.1 400", bytes([1, 0, 0, 0, 255, 255, 255, 255])])
def test_bytes_that_are_no_frames_are_noticed(data: bytes) -> None:
    with pytest.raises(BrokenStream):
        list(Frames().feed(data))


@given(
    lines=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
    ),
    size=st.integers(1, 20),
)
def test_lines_do_not_depend_on_how_they_arrive(lines: list[str], size: int) -> None:
    data = b"".join(line.encode() + b"\r\n\n" for line in lines)
    reader = Lines()

    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = [line for piece in pieces for line in reader.feed(piece)]

    assert [line.decode().rstrip("\r") for line in found] == lines


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    reader = Lines()

    with pytest.raises(BrokenStream):
        for _ in range(100):
            list(reader.feed(b"x" * 100_000))
