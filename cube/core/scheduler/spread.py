"""Spread: the node with the fewest allocations, so that a machine that dies takes the least with it."""

from __future__ import annotations

import math
from collections.abc import Callable

from cube.core.scheduler.candidate import Candidate
from cube.model.resources import NOTHING, Resources


def spread(demand: Resources, _nodes: int) -> Callable[[Candidate], tuple[float, ...]]:
    """Cost: allocations on the node, then its fullest resource after placing."""

    def cost(candidate: Candidate) -> tuple[float, ...]:
        return candidate.count, _fullest(candidate, demand)

    return cost


def _fullest(candidate: Candidate, demand: Resources) -> float:
    """Return the largest reserved share of any resource, infinity where no capacity is known.

    The resource that runs out first decides: an idle disk is no comfort to a node without memory.
    """
    capacity = candidate.node.facts.capacity
    if capacity == NOTHING:
        return math.inf  # unknown is not idle
    cpu = candidate.cpu_millis + demand.cpu_millis
    memory = candidate.memory_bytes + demand.memory_bytes
    disk = candidate.disk_bytes + demand.disk_bytes
    return max(
        cpu / capacity.cpu_millis if capacity.cpu_millis else 0.0,
        memory / capacity.memory_bytes if capacity.memory_bytes else 0.0,
        disk / capacity.disk_bytes if capacity.disk_bytes else 0.0,
    )
