"""Binpack, best fit: the node that is left with the least of what was asked, so that whole nodes stay free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cube.core.scheduler.columns import Floats, Ints
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import PULL_STEP, Term


def binpack(offers: Offers) -> Iterator[Term]:
    """Cost: the sum of the free shares of the requested resources after placing, then fewest left out.

    What asks for nothing fits equally well everywhere: it joins the node that has the most allocations.
    """
    asked = offers.demand.resources
    shares: list[Floats] = []
    if asked.cpu_millis:
        shares.append(_left(offers.cpu_free, asked.cpu_millis, offers.cpu_capacity))
    if asked.memory_bytes:
        shares.append(_left(offers.memory_free, asked.memory_bytes, offers.memory_capacity))
    if asked.disk_bytes:
        shares.append(_left(offers.disk_free, asked.disk_bytes, offers.disk_capacity))
    for extra, millis in offers.demand.extras:  # some node has it, or nothing would be priced
        shares.append(_left(offers.extra_free(extra), millis, offers.extra_capacity(extra)))
    if shares:
        yield Term("free share", sum(shares[1:], start=shares[0]), PULL_STEP)
    yield Term("allocations", -offers.count)


def _left(free: Ints, asked: int, capacity: Ints) -> Floats:
    # Where it fits there is capacity; elsewhere nobody looks, and nothing may be divided by nothing.
    left: Floats = (free - asked) / np.maximum(capacity, 1)
    return left
