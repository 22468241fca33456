"""Not where the replica is kept away from for a while."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class Avoided(Alike):
    """Refuses with the reason that the node is avoided for."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only replicas that failed somewhere."""
        return bool(demand.avoid)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes are not among the avoided."""
        inventory = offers.inventory
        mask = np.ones(len(inventory.ids), dtype=np.bool_)
        mask[inventory.rows(offers.demand.avoid)] = False
        return mask[offers.rows]

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return why the node is avoided."""
        reason = demand.avoid.get(inventory.node(row).id)
        return None if reason is None else refusal(inventory, row, "avoided", reason)
