"""Spread: the node with the fewest allocations, so that a machine that dies takes the least with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cube.core.scheduler.columns import Floats
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import PULL_STEP, Term


def spread(offers: Offers) -> Iterator[Term]:
    """Cost: allocations on the node, then its fullest resource after placing."""
    yield Term("allocations", offers.count)
    yield Term("fullest share", _fullest(offers), PULL_STEP)


def _fullest(offers: Offers) -> Floats:
    """Return the largest reserved share of any resource, infinity where no capacity is known.

    The resource that runs out first decides: an idle disk is no comfort to a node without memory.
    """
    asked = np.array(offers.demand.resources.amounts)[:, np.newaxis]
    capacity = offers.capacity
    shares = (capacity - offers.free + asked) / np.maximum(capacity, 1)
    shares *= capacity > 0  # of what the machine does not have, nothing is scarce
    fullest: Floats = np.maximum.reduce(shares)
    fullest[np.bitwise_or.reduce(capacity) == 0] = np.inf  # unknown is not idle
    return fullest
