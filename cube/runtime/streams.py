"""Cutting byte streams into what they carry: lines, or the frames of stdout and stderr. No sockets in here."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

HEADER = 8  # one byte for the stream, three zeros, four for the length, big-endian
_HEADER = Struct(">BxxxI")
STREAM_NAMES = {
    0: "stdout",
    1: "stdout",
    2: "stderr",
}  # 0 is stdin, which the engine echoes as output
FRAME_LONGEST = 4 * 1024 * 1024
LINE_LONGEST = 4 * 1024 * 1024


class BrokenStream(ValueError):
    """The bytes are not what the engine documents."""


class Frames:
    """Takes bytes as they come and gives back whole frames: (stream, content)."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the frames that are complete with `data`."""
        buffer = self._buffer + data
        start, ready = 0, len(buffer)
        while ready - start >= HEADER:
            kind, length = _HEADER.unpack_from(buffer, start)
            if kind not in STREAM_NAMES or length > FRAME_LONGEST:
                raise BrokenStream("not a multiplexed stream")
            end = start + HEADER + length
            if ready < end:
                break
            yield STREAM_NAMES[kind], buffer[start + HEADER : end]
            start = end
        self._buffer = buffer[start:]


class Lines:
    """Takes bytes as they come and gives back whole lines without their end."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that are complete with `data`; empty ones are left out."""
        self._buffer += data
        if len(self._buffer) > LINE_LONGEST and b"\n" not in self._buffer:
            raise BrokenStream("a line without end")
        if b"\n" not in data:
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        yield from (bytes(line) for line in lines if line.strip())
