"""Only nodes that meet every constraint of the task."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class Constrained(Alike):
    """Refuses with the first constraint that does not hold, and what the node has instead."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks with constraints."""
        return bool(demand.constraints)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes meet them all."""
        first, *others = demand_masks(offers)
        for mask in others:
            first = first & mask
        return first

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return the first constraint that the node does not meet."""
        node = inventory.node(row)
        for constraint in demand.constraints:
            if not constraint.holds(node):
                has = constraint.look_up(node)
                words = f"{constraint.key} is {has or 'not set'} but {constraint} is asked for"
                return refusal(inventory, row, "constraints", words, about=str(constraint))
        return None

    def kinds(self, refused: Offers, /) -> Ints:
        """Return the position of the first constraint that does not hold."""
        first: Ints = np.stack(demand_masks(refused)).argmin(axis=0)
        return first


def demand_masks(offers: Offers) -> list[Flags]:
    """Return for each constraint of the demand which offers meet it."""
    inventory = offers.inventory
    return [inventory.matching(one)[offers.rows] for one in offers.demand.constraints]
