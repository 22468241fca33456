"""How many of something are on which row, kept sparse: most tasks are on few nodes, most nodes hold few host ports."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

import numpy as np

from cube.core.scheduler.columns import Ints

Key = TypeVar("Key", bound=Hashable)

_NONE: Mapping[int, int] = MappingProxyType({})


class Counts(Generic[Key]):
    """{key: {row: number}}. What reaches zero goes, so that it stays as small as what it counts."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[Key, dict[int, int]] = {}

    def of(self, key: Key) -> Mapping[int, int]:
        """Return the numbers of one key; rows without any are left out."""
        return self._rows.get(key, _NONE)

    def on(self, row: int) -> dict[Key, int]:
        """Return the numbers on one row. Looks through all keys."""
        return {key: rows[row] for key, rows in self._rows.items() if row in rows}

    def excerpt(
        self, keys: Collection[Key], partly: Collection[Key] = (), rows: Collection[int] = ()
    ) -> Counts[Key]:
        """Return a copy with these keys only; of those that are there `partly`, with these rows only."""
        copy = Counts[Key]()
        for key in partly:
            here = self.of(key)
            copy._rows[key] = {row: here[row] for row in rows if row in here}
        copy._rows.update((key, {**self._rows[key]}) for key in keys if key in self._rows)
        return copy

    def add(self, key: Key, row: int) -> None:
        """Count one more."""
        rows = self._rows.setdefault(key, {})
        rows[row] = rows.get(row, 0) + 1

    def take(self, key: Key, row: int) -> None:
        """Count one less. KeyError when there was none."""
        rows = self._rows[key]
        if rows[row] > 1:
            rows[row] -= 1
        else:
            del rows[row]
            if not rows:
                del self._rows[key]

    def forget(self, row: int) -> None:
        """Drop everything that is counted on the row. Looks through all keys."""
        for rows in self._rows.values():
            rows.pop(row, None)
        for key in [key for key, rows in self._rows.items() if not rows]:
            del self._rows[key]


def column_of(sparse: Mapping[int, int], length: int) -> Ints:
    """Return {row: number} as a column."""
    column = np.zeros(length, dtype=np.int64)
    size = len(sparse)
    rows = np.fromiter(sparse.keys(), dtype=np.int64, count=size)
    column[rows] = np.fromiter(sparse.values(), dtype=np.int64, count=size)
    return column
