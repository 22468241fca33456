"""Only where the devices that are asked for are free: a part of one, or whole ones that nobody has a part of."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.devices import after, missing, room
from cube.core.scheduler.filters.filter import NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.model.extras import DEVICE


class Extras:
    """Refuses with how many devices, or how much of one, are missing of each kind."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks that ask for extras."""
        return bool(demand.extras)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes have enough of every kind."""
        stands = np.ones(len(offers), dtype=np.bool_)
        for lack in self.misses(offers):
            stands &= lack == 0
        return stands

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, ahead: int, /
    ) -> NodeRefusal | None:
        """Return what is missing of which kind."""
        lacks: list[tuple[str, int]] = []
        for extra, millis in demand.extras:
            free = inventory.devices_free(extra, np.array([row]))
            if ahead:
                free = after(free, millis, np.array([ahead]))
            if lack := int(missing(free, millis)[0]):
                lacks.append((extra, lack))
        if not lacks:
            return None
        words = " and ".join(f"{amount / DEVICE:g} {extra}" for extra, amount in lacks)
        about = " and ".join(extra for extra, _ in lacks)
        return refusal(
            inventory, row, "extras", f"{words} short", about=about, extras_short=tuple(lacks)
        )

    def kinds(self, refused: Offers, /) -> Ints:
        """Return a number for each set of lacking kinds."""
        kind = np.zeros(len(refused), dtype=np.int64)
        for lack in self.misses(refused):
            kind = kind * 2 + (lack > 0)
        return kind

    def misses(self, refused: Offers, /) -> list[Ints]:
        """Return the missing thousandths of each kind."""
        return [
            missing(refused.devices_free(extra), millis) for extra, millis in refused.demand.extras
        ]

    def room(self, offers: Offers, most: int, /) -> Ints | None:
        """Return for how many replicas there are devices of every kind."""
        times = np.full(len(offers), most, dtype=np.int64)
        for extra, millis in offers.demand.extras:
            np.minimum(times, room(offers.devices_free(extra), millis), out=times)
        return times
