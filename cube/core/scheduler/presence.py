"""Which nodes have which image, as far as their workers tell: no promise, only a reason to prefer one.

Part of the inventory: its rows are the inventory's. Kept in memory only; every hello tells it anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cube.core.images import bounded
from cube.core.scheduler.columns import Flags
from cube.core.scheduler.counts import Counts
from cube.core.scheduler.lookups import keep


class Presence:
    """Names of images by row, and the columns of those that were asked for."""

    __slots__ = ("_absent", "_names", "_rows")

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._rows = Counts[str]()
        self._absent: dict[str, Flags] = {}

    def put(self, row: int, names: Sequence[str]) -> None:
        """Take note that the row has these images and no others. More than a worker may tell are left out."""
        self.forget(row)
        self._names[row] = bounded(names)
        for name in self._names[row]:
            self._rows.add(name, row)
            self._mark(name, row, absent=False)

    def forget(self, row: int) -> None:
        """Take note that nothing is known of the row."""
        for name in self._names.pop(row, ()):
            self._rows.take(name, row)
            self._mark(name, row, absent=True)

    def absent(self, image: str, rows: int) -> Flags | None:
        """Return which of so many rows would have to pull the image; None where that tells no two of them apart."""
        there = self._rows.of(image)
        if not there or len(there) == rows:
            return None
        column = self._absent.get(image)
        if column is None or len(column) != rows:
            column = np.ones(rows, dtype=np.bool_)
            column[list(there)] = False
            keep(self._absent, image, column)
        return column

    def excerpt(self, image: str) -> Presence:
        """Return a copy that knows of this image only."""
        copy = Presence()
        copy._rows = self._rows.excerpt((image,))
        copy._names = dict.fromkeys(self._rows.of(image), (image,))
        return copy

    def _mark(self, name: str, row: int, *, absent: bool) -> None:
        if (column := self._absent.get(name)) is not None and row < len(column):
            column[row] = absent
