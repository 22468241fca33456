"""Spread: the node with the fewest allocations, so that a machine that dies takes the least with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cube.core.scheduler.columns import Floats, Ints
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import Term


def spread(offers: Offers) -> Iterator[Term]:
    """Cost: allocations on the node, then its fullest resource after placing."""
    yield Term("allocations", offers.count)
    yield Term("fullest share", _fullest(offers))


def _fullest(offers: Offers) -> Floats:
    """Return the largest reserved share of any resource, infinity where no capacity is known.

    The resource that runs out first decides: an idle disk is no comfort to a node without memory.
    """
    asked = offers.demand.resources
    cpu, memory, disk = offers.cpu_capacity, offers.memory_capacity, offers.disk_capacity
    fullest = _share(cpu, offers.cpu_free, asked.cpu_millis)
    np.maximum(fullest, _share(memory, offers.memory_free, asked.memory_bytes), out=fullest)
    np.maximum(fullest, _share(disk, offers.disk_free, asked.disk_bytes), out=fullest)
    fullest[(cpu | memory | disk) == 0] = np.inf  # unknown is not idle
    return fullest


def _share(capacity: Ints, free: Ints, asked: int) -> Floats:
    share: Floats = (capacity - free + asked) * (capacity > 0) / np.maximum(capacity, 1)
    return share
