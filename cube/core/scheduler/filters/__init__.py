"""Which nodes cannot take a replica, and why not: a file per filter, asked in the order of `FILTERS`.

The first refusal stands: a node that is lost is not also reported as full.
"""

from __future__ import annotations

from cube.core.scheduler.columns import Flags
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.avoided import Avoided
from cube.core.scheduler.filters.constrained import Constrained
from cube.core.scheduler.filters.extras import Extras
from cube.core.scheduler.filters.filter import Filter, NodeRefusal
from cube.core.scheduler.filters.host_ports import HostPorts
from cube.core.scheduler.filters.max_per_node import MaxPerNode
from cube.core.scheduler.filters.platform import Platform
from cube.core.scheduler.filters.policy import Allowed
from cube.core.scheduler.filters.ready import Ready
from cube.core.scheduler.filters.room import Room
from cube.core.scheduler.filters.volumes import Volumes
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers

__all__ = ["FILTERS", "Filter", "NodeRefusal", "concerning", "refuse", "standing"]

FILTERS: tuple[Filter, ...] = (
    Ready(),
    Platform(),
    Allowed(),
    Constrained(),
    Volumes(),
    MaxPerNode(),
    Avoided(),
    HostPorts(),
    Room(),
    Extras(),
)


def concerning(demand: Demand) -> list[Filter]:
    """Return the filters that the demand can fail, in order."""
    return [one for one in FILTERS if one.concerns(demand)]


def standing(offers: Offers) -> Flags:
    """Return which offers no filter refuses."""
    first, *others = concerning(offers.demand)
    stands = first.passes(offers)
    for one in others:
        stands = stands & one.passes(offers)
    return stands


def refuse(inventory: Inventory, row: int, demand: Demand, ahead: int = 0) -> NodeRefusal | None:
    """Return the first refusal of one node, or None when it can take one replica more."""
    for one in FILTERS:
        if one.concerns(demand) and (refusal := one.refuse(inventory, row, demand, ahead)):
            return refusal
    return None
