"""The strategies by the names users write. A new one is a file beside these and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cube.core.scheduler.binpack import binpack
from cube.core.scheduler.candidate import Candidate
from cube.core.scheduler.epvm import epvm
from cube.core.scheduler.round_robin import round_robin
from cube.core.scheduler.spread import spread
from cube.model.resources import Resources

Cost = Callable[[Candidate], tuple[float, ...]]
"""What it costs to place the demand on the node as it stands; the least is chosen, figure by figure."""


Strategy = Callable[[Resources, int], Cost]
"""A preference among nodes that can all take a demand: (demand, number of nodes in the cluster) -> cost function.

The cost function is only asked about feasible nodes, once per node and again for one that changed. It reads nothing
but the candidate it is given.
"""

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {"spread": spread, "binpack": binpack, "round-robin": round_robin, "epvm": epvm}
)
