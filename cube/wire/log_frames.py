"""How a worker brings the log of one allocation: frames that the manager passes on without reading their lines.

A frame is a header (what it is, how many lines, how many bytes, the mark behind its last line), then an int64 for each
line by which it is merged, then the lines as JSON. All numbers are little-endian. A frame says where its log stands, so
that one that breaks off is gone on with behind the last frame that came whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from struct import Struct, pack

import msgspec

from cube.errors import PeerFault
from cube.model.logs import Batch, Mark

FRAME_BYTES = 8 * 1024 * 1024
"""What was read from the engine at once is 256 KiB at most; JSON may make six bytes of one."""
_HEADER = Struct("<BIIIqIqI")


class FrameKind(IntEnum):
    """What a frame says."""

    LINES = 1
    CAUGHT_UP = 2  # all that was written has been told; what follows is being written
    END = 3  # nothing follows; a stream without this has broken off


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame. Only one of LINES has any in its batch."""

    kind: FrameKind
    mark: Mark
    batch: Batch


def encode_frame(
    kind: FrameKind, mark: Mark, times: Sequence[int] = (), body: bytes = b""
) -> bytes:
    """Return the bytes of a frame: `body` has one ended line for each of `times`, which never decrease."""
    header = _HEADER.pack(
        kind,
        len(times),
        len(body),
        mark.restart,
        mark.out_ns,
        mark.out_lines,
        mark.err_ns,
        mark.err_lines,
    )
    return b"".join((header, pack(f"<{len(times)}q", *times), body))


class FrameReader:
    """Takes bytes as they come and gives back whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete with `data`. PeerFault when it is none."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEADER.size:
            kind, count, length, *places = _HEADER.unpack_from(buffer, start)
            times = start + _HEADER.size
            body = times + 8 * count
            end = body + length
            if kind not in _KINDS or end - start > FRAME_BYTES:
                raise PeerFault("a worker sent a log that is no log")
            if len(buffer) < end:
                break
            batch = Batch(bytes(buffer[times:body]), bytes(buffer[body:end]))
            if batch.body.count(b"\n") != count or (count and not batch.body.endswith(b"\n")):
                raise PeerFault("a worker sent a frame of a log with other lines than it says")
            yield Frame(_KINDS[kind], _mark(places), batch)
            start = end
        del buffer[:start]


_KINDS = {kind.value: kind for kind in FrameKind}


def _mark(places: Sequence[int]) -> Mark:
    restart, out_ns, out_lines, err_ns, err_lines = places
    return Mark(
        restart=restart, out_ns=out_ns, out_lines=out_lines, err_ns=err_ns, err_lines=err_lines
    )
