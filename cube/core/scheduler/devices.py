"""The devices of one kind of extra on all nodes: how much of which is promised away, and which a replica gets.

A replica that asks for a part gets it of the fullest device that still fits, so that whole ones stay whole; one that
asks for whole devices gets the first that nobody has a part of. Both are closed forms: what is left after any number
of equal replicas is computed, not tried.
"""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.model.extras import DEVICE


class Devices:
    """A row per node, a column per device. Owned by the inventory."""

    __slots__ = ("count", "held")

    def __init__(self, rows: int) -> None:
        self.count = np.zeros(rows, dtype=np.int64)  # how many the node has
        self.held = np.zeros((rows, 0), dtype=np.int64)  # thousandths, also of one that is gone

    def fit(self, rows: int, width: int = 0) -> None:
        """Make room for so many rows and devices; what is there stays."""
        if rows > len(self.count):
            self.count = np.append(self.count, np.zeros(rows - len(self.count), dtype=np.int64))
        more = (max(rows, len(self.held)), max(width, self.held.shape[1]))
        if more != self.held.shape:
            held = np.zeros(more, dtype=np.int64)
            held[: self.held.shape[0], : self.held.shape[1]] = self.held
            self.held = held

    def copy(self) -> Devices:
        """Return a copy that shares nothing."""
        other = Devices(0)
        other.count, other.held = self.count.copy(), self.held.copy()
        return other

    def free(self, rows: slice | Ints) -> Ints:
        """Return the free thousandths of each device of each row; 0 where there is no such device."""
        there = np.arange(self.held.shape[1]) < self.count[rows, np.newaxis]
        free: Ints = np.where(there, DEVICE - self.held[rows], 0)
        return free


def room(free: Ints, millis: int) -> Ints:
    """Return how many replicas that ask for so much fit on each row."""
    if millis < DEVICE:
        fits: Ints = np.maximum(free, 0) // millis
        return _each(fits)
    times: Ints = _each(free == DEVICE) // (millis // DEVICE)
    return times


def missing(free: Ints, millis: int) -> Ints:
    """Return how many thousandths each row lacks for one replica; 0 where it fits."""
    if millis < DEVICE:
        most: Ints = free.max(axis=1, initial=0)
        return np.maximum(millis - most, 0)
    return np.maximum(millis - _each(free == DEVICE) * DEVICE, 0)


def after(free: Ints, millis: int, ahead: Ints) -> Ints:
    """Return what is free once `ahead` replicas of each row have taken theirs. Only as many as fit are asked about."""
    if millis >= DEVICE:
        whole = free == DEVICE
        wanted = ahead[:, np.newaxis] * (millis // DEVICE)
        taken: Ints = whole & (np.cumsum(whole, axis=1) <= wanted)
        return free - taken * DEVICE
    order = np.argsort(free, axis=1, kind="stable")  # the fullest first
    left = np.take_along_axis(free, order, axis=1)
    fits = np.maximum(left, 0) // millis
    before = np.cumsum(fits, axis=1) - fits
    left = left - np.clip(ahead[:, np.newaxis] - before, 0, fits) * millis
    found = np.empty_like(free)
    np.put_along_axis(found, order, left, axis=1)
    return found


def _each(lines: Ints | Flags) -> Ints:
    """Return the sum of each line."""
    total: Ints = lines.sum(axis=1, dtype=np.int64)
    return total


def choose(free: list[int], millis: int) -> tuple[int, ...]:
    """Return the devices that one replica gets of a row where it fits."""
    if millis < DEVICE:
        return (min((left, device) for device, left in enumerate(free) if left >= millis)[1],)
    whole = [device for device, left in enumerate(free) if left == DEVICE]
    return tuple(whole[: millis // DEVICE])
