"""The strategies by the names users write. A new one is a file beside these and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from cube.core.scheduler.binpack import binpack
from cube.core.scheduler.candidate import Candidate
from cube.core.scheduler.epvm import epvm
from cube.core.scheduler.round_robin import round_robin
from cube.core.scheduler.spread import spread
from cube.model.resources import Resources

Cost = Callable[[Candidate], tuple[float, ...]]
"""What it costs to place the demand on the node as it stands; the least is chosen, figure by figure."""


class Strategy(Protocol):
    """A preference among nodes that can all take the demand."""

    def __call__(self, demand: Resources, nodes: int, /) -> Cost:
        """Return the cost function for placing `demand` in a cluster of this many nodes.

        It is only asked about feasible nodes, once per node and again for a node that changed. It reads nothing
        but the candidate it is given.
        """


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {"spread": spread, "binpack": binpack, "round-robin": round_robin, "epvm": epvm}
)
