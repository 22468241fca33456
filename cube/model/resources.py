"""Amounts of a machine, in integers: a comparison of floats would over-commit by a rounding error."""

from __future__ import annotations

import msgspec


class Resources(msgspec.Struct, frozen=True, gc=False):
    """An amount of cpu (thousandths of a core), memory and disk (bytes). Zero asks for nothing."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0

    @property
    def amounts(self) -> tuple[int, int, int]:
        """The three amounts in the order above, as the lines of columns have them."""
        return self.cpu_millis, self.memory_bytes, self.disk_bytes

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.cpu_millis + other.cpu_millis,
            self.memory_bytes + other.memory_bytes,
            self.disk_bytes + other.disk_bytes,
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            self.cpu_millis - other.cpu_millis,
            self.memory_bytes - other.memory_bytes,
            self.disk_bytes - other.disk_bytes,
        )

    def fits(self, room: Resources) -> bool:
        """Whether this amount fits into `room`. What is not asked for fits even where nothing is left."""
        return (
            (not self.cpu_millis or self.cpu_millis <= room.cpu_millis)
            and (not self.memory_bytes or self.memory_bytes <= room.memory_bytes)
            and (not self.disk_bytes or self.disk_bytes <= room.disk_bytes)
        )


NOTHING = Resources()
