"""Only the node that has the volumes of a slot which has run before."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class Volumes(Alike):
    """Refuses every other node by saying where the volumes are."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only slots that left volumes somewhere."""
        return demand.home is not None

    def passes(self, offers: Offers, /) -> Flags:
        """Return which node is the home."""
        homes = [home.node_id] if (home := offers.demand.home) else []
        mask = np.zeros(len(offers.inventory.ids), dtype=np.bool_)
        mask[offers.inventory.rows(homes)] = True
        return mask[offers.rows]

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return where the volumes are."""
        home = demand.home
        if home is None or inventory.node(row).id == home.node_id:
            return None
        noun = "volume" if len(home.volumes) == 1 else "volumes"
        about = f"{noun} {' and '.join(home.volumes)} of this slot, kept on {home.node_name}"
        return refusal(inventory, row, "volumes", f"does not have {about}", about=about)
