"""What a log is on its way: how far it was read, and the lines that travel together."""

from __future__ import annotations

from struct import unpack, unpack_from

import msgspec


class Mark(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How far the log of one allocation was read.

    All runs before `restart` are done with. Of that run the newest line read of each output has this time, and so
    many lines with just that time were read: lines that one write brought share their nanosecond. 0: none was.
    """

    restart: int = 0
    out_ns: int = 0
    out_lines: int = 0
    err_ns: int = 0
    err_lines: int = 0

    @property
    def newest_ns(self) -> int:
        """The time of the newest line of this run that was read."""
        return max(self.out_ns, self.err_ns)


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Lines of one allocation that travel together, without being looked at.

    `body` is JSON, each line ended. `packed` has an int64, little-endian, for each: the time by which it is merged.
    Those never decrease, also where the machine's clock was set back.
    """

    packed: bytes
    body: bytes

    @property
    def first(self) -> int:
        """The time of the first line."""
        (time,) = unpack_from("<q", self.packed, 0)
        return int(time)

    @property
    def last(self) -> int:
        """The time of the last line."""
        (time,) = unpack_from("<q", self.packed, len(self.packed) - 8)
        return int(time)

    @property
    def times(self) -> tuple[int, ...]:
        """The time of each line."""
        return unpack(f"<{len(self.packed) // 8}q", self.packed)

    @property
    def lines(self) -> list[bytes]:
        """The lines, without their ends."""
        return self.body[:-1].split(b"\n")
