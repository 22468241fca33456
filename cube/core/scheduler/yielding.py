"""What could yield to whom: the amounts held on each row, by the priority of who holds them.

Kept beside the inventory while any task may displace others, so that it costs one sum of columns to see that nothing
would be gained by it.
"""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Ints
from cube.model.resources import Resources

NO_PRIORITY = 0
"""Of what goes anyway: below every task's."""


class Yielding:
    """Amounts of cpu, memory and disk by priority. Owned by the cluster's state; a row is the inventory's."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[int, Ints] = {}  # {priority: three lines, a column per row}

    def add(self, row: int, priority: int, amount: Resources, sign: int) -> None:
        """Count one more that holds so much on the row, or one less where `sign` is -1."""
        held = self._held.get(priority)
        if held is None or row >= held.shape[1]:
            held = self._held[priority] = _widened(held, row + 1)
        held[:, row] += (
            sign * amount.cpu_millis,
            sign * amount.memory_bytes,
            sign * amount.disk_bytes,
        )

    def forget(self, row: int) -> None:
        """Count nothing on the row any more: its node is forgotten."""
        for held in self._held.values():
            held[:, row : row + 1] = 0

    def below(self, priority: int, rows: int) -> Ints:
        """Return how much cpu, memory and disk is held below the priority: three lines, a column per row."""
        total = np.zeros((3, rows), dtype=np.int64)
        for other, held in self._held.items():
            if other < priority:
                width = min(rows, held.shape[1])
                total[:, :width] += held[:, :width]
        return total


def _widened(held: Ints | None, width: int) -> Ints:
    wide = np.zeros((3, max(16, 2 * width)), dtype=np.int64)
    if held is not None:
        wide[:, : held.shape[1]] = held
    return wide
