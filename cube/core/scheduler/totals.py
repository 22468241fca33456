"""What all nodes have together and what of it is promised away: summing columns takes longer than pricing a node."""

from __future__ import annotations

from cube.model.resources import NOTHING, Resources


class Totals:
    """Two amounts for the whole cluster. Owned by the inventory, which tells of every change."""

    __slots__ = ("capacity", "cpu_reserved", "memory_reserved")

    def __init__(self) -> None:
        self.capacity = NOTHING
        # Bare numbers: they change with every placement.
        self.cpu_reserved = 0
        self.memory_reserved = 0

    def reserve(self, demand: Resources, sign: int) -> None:
        """Count what was promised, or with -1 what was given back."""
        self.cpu_reserved += sign * demand.cpu_millis
        self.memory_reserved += sign * demand.memory_bytes

    def drop(self, capacity: Resources, free: Resources) -> None:
        """A node is no more, nor what was promised on it."""
        self.capacity -= capacity
        self.reserve(capacity - free, -1)

    def copy(self) -> Totals:
        """Return a copy that shares nothing."""
        copy = Totals()
        copy.capacity = self.capacity
        copy.cpu_reserved, copy.memory_reserved = self.cpu_reserved, self.memory_reserved
        return copy
