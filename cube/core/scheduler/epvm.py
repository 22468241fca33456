"""E-PVM: the node whose cost grows least, where scarcity makes every unit dearer than the one before.

Y. Amir, B. Awerbuch, A. Barak, R. S. Borgstrom, A. Keren: "An Opportunity Cost Approach for Job Assignment in a
Scalable Computing Cluster", IEEE Transactions on Parallel and Distributed Systems 11(7), 2000.
The cost of a node is the sum over its resources of n^utilisation with n the number of nodes; a job goes where the
marginal cost, after minus before, is least. Utilisation is the reserved share, which is known for every node at any
time: nothing is measured, so no missing measurement can make a node look cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from cube.core.scheduler.candidate import Candidate
from cube.model.resources import NOTHING, Resources


def epvm(demand: Resources, nodes: int) -> Callable[[Candidate], tuple[float, ...]]:
    """Cost: the marginal cost as published, then allocations on the node.

    A resource that is not asked for adds exactly nothing, so only the others are computed. What asks for nothing
    at all costs nothing anywhere; the second figure keeps it from piling up on the first node.
    """
    base = float(max(2, nodes))  # with one node every cost would be 1, whatever its load

    def growth(reserved: int, asked: int, total: int) -> float:
        return math.pow(base, (reserved + asked) / total) - math.pow(base, reserved / total)

    def cost(candidate: Candidate) -> tuple[float, ...]:
        capacity = candidate.node.facts.capacity
        if capacity == NOTHING:
            return math.inf, candidate.count  # unknown is not idle
        marginal = 0.0
        if demand.cpu_millis:
            marginal += growth(candidate.cpu_millis, demand.cpu_millis, capacity.cpu_millis)
        if demand.memory_bytes:
            marginal += growth(candidate.memory_bytes, demand.memory_bytes, capacity.memory_bytes)
        if demand.disk_bytes:
            marginal += growth(candidate.disk_bytes, demand.disk_bytes, capacity.disk_bytes)
        return marginal, candidate.count

    return cost
