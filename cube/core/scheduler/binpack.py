"""Binpack, best fit: the node that is left with the least of what was asked, so that whole nodes stay free."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.scheduler.candidate import Candidate
from cube.model.resources import Resources


def binpack(demand: Resources, _nodes: int) -> Callable[[Candidate], tuple[float, ...]]:
    """Cost: the sum of the free shares of the requested resources after placing, then fewest left out.

    What asks for nothing fits equally well everywhere: it joins the node that has the most allocations.
    """

    def cost(candidate: Candidate) -> tuple[float, ...]:
        free, capacity = candidate.free, candidate.node.facts.capacity
        left = 0.0
        if demand.cpu_millis:
            left += (free.cpu_millis - demand.cpu_millis) / capacity.cpu_millis
        if demand.memory_bytes:
            left += (free.memory_bytes - demand.memory_bytes) / capacity.memory_bytes
        if demand.disk_bytes:
            left += (free.disk_bytes - demand.disk_bytes) / capacity.disk_bytes
        return left, -candidate.count

    return cost
