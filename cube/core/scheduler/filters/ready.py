"""Only nodes that are heard of, open for new work and have a working engine."""

from __future__ import annotations

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.openness import OPEN, STATES


class Ready(Alike):
    """Refuses in the node's own word: lost, suspect, cordoned, draining, or that its engine is down."""

    def concerns(self, _demand: Demand, /) -> bool:
        """Every task needs a node that works."""
        return True

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes take new work."""
        return offers.inventory.open[offers.rows]

    def refuse(
        self, inventory: Inventory, row: int, _demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return what keeps the node from new work."""
        state = STATES[inventory.state[row]]
        if state == OPEN:
            return None
        node = inventory.node(row)
        own = {"runtime_down": node.runtime_error, "quarantined": node.quarantine}
        return refusal(inventory, row, state, own.get(state, f"is {state}"))

    def kinds(self, refused: Offers, /) -> Ints:
        """Return the states: each is a group of its own."""
        return refused.inventory.state[refused.rows]
