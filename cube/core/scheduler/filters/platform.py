"""Only nodes of the platform that the task's image is for."""

from __future__ import annotations

from cube.core.scheduler.columns import Flags
from cube.core.scheduler.constraints import Constraint, Operator
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class Platform(Alike):
    """Refuses nodes of another platform; a task that names none runs on any."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks that name a platform."""
        return bool(demand.platform)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes are of it."""
        return offers.inventory.matching(_asked(offers.demand))[offers.rows]

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return what the node is instead."""
        node = inventory.node(row)
        if _asked(demand).holds(node):
            return None
        words = f"is {node.facts.platform}, not {demand.platform}"
        return refusal(inventory, row, "platform", words, about=demand.platform)


def _asked(demand: Demand) -> Constraint:
    return Constraint("node.platform", Operator.EQUAL, (demand.platform,))
