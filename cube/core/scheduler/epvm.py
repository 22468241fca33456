"""E-PVM: the node whose cost grows least, where scarcity makes every unit dearer than the one before.

Y. Amir, B. Awerbuch, A. Barak, R. S. Borgstrom, A. Keren: "An Opportunity Cost Approach for Job Assignment in a
Scalable Computing Cluster", IEEE Transactions on Parallel and Distributed Systems 11(7), 2000.
The cost of a node is the sum over its resources of n^utilisation with n the number of nodes; a job goes where the
marginal cost, after minus before, is least. Utilisation is the reserved share, which is known for every node at any
time: nothing is measured, so no missing measurement can make a node look cheap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cube.core.scheduler.columns import Floats, Ints
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import Term


def epvm(offers: Offers) -> Iterator[Term]:
    """Cost: the marginal cost as published, then allocations on the node.

    A resource that is not asked for adds exactly nothing, so only the others are computed. What asks for nothing
    at all costs nothing anywhere; the second figure keeps it from piling up on the first node.
    """
    asked = offers.demand.resources
    log_base = math.log(
        max(2, offers.nodes)
    )  # with one node every cost would be 1, whatever its load
    marginal = np.zeros(len(offers.count))
    # Where it does not fit the power may be too large for a float, and nobody looks.
    with np.errstate(over="ignore", invalid="ignore"):
        if asked.cpu_millis:
            marginal += _growth(log_base, offers.cpu_capacity, offers.cpu_free, asked.cpu_millis)
        if asked.memory_bytes:
            memory = offers.memory_capacity
            marginal += _growth(log_base, memory, offers.memory_free, asked.memory_bytes)
        if asked.disk_bytes:
            marginal += _growth(log_base, offers.disk_capacity, offers.disk_free, asked.disk_bytes)
    marginal[np.bitwise_or.reduce(offers.capacity) == 0] = np.inf  # unknown is not idle
    yield Term("marginal cost", marginal)
    yield Term("allocations", offers.count)


def _growth(log_base: float, capacity: Ints, free: Ints, asked: int) -> Floats:
    reserved, total = capacity - free, np.maximum(capacity, 1)
    # n^(u + a) - n^u as n^u * (n^a - 1): one power less, and exact where a is small.
    growth: Floats = np.exp(log_base * (reserved / total)) * np.expm1(log_base * (asked / total))
    return growth
