"""No more replicas of the task on a node than it allows."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class MaxPerNode(Alike):
    """Refuses where the task has as many replicas as it may have there; 0 allows any number."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks with a limit."""
        return bool(demand.max_per_node)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes have fewer."""
        return self._left(offers) > 0

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, ahead: int, /
    ) -> NodeRefusal | None:
        """Return the limit where it is reached."""
        here = inventory.replicas(demand.task_id).get(row, 0) + ahead
        if here < demand.max_per_node:
            return None
        limit = f"max_per_node {demand.max_per_node}"
        words = f"has {here} already, {limit}"
        return refusal(inventory, row, "max_per_node", words, about=limit)

    def room(self, offers: Offers, _most: int, /) -> Ints | None:
        """Return how many may still come."""
        return np.maximum(self._left(offers), 0)

    def _left(self, offers: Offers) -> Ints:
        limit = offers.demand.max_per_node
        replicas = offers.replicas
        if replicas is None:
            return np.full(len(offers), limit, dtype=np.int64)
        return limit - replicas
