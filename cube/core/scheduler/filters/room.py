"""Only where what is asked fits beside what is reserved."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.shortage import lacks, shortage
from cube.model.resources import NOTHING, Resources


class Room:
    """Refuses with the amounts that are missing. What is not asked for fits even where nothing is left."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks that ask for an amount of something."""
        return demand.resources != NOTHING

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes have enough of everything that is asked for."""
        first, *others = [free >= asked for free, asked in _asked(offers)]
        for mask in others:
            first = first & mask
        return first

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, ahead: int, /
    ) -> NodeRefusal | None:
        """Return what is missing."""
        asked = demand.resources
        free = inventory.free_on(row)
        if ahead:
            free -= Resources(*(ahead * amount for amount in asked.amounts))
        if asked.fits(free):
            return None
        short = shortage(asked, free)
        missing = lacks(short)
        words = " and ".join(lack.full for lack in missing)
        about = " and ".join(lack.resource for lack in missing)
        return refusal(inventory, row, "resources", f"{words} short", about=about, short=short)

    def kinds(self, refused: Offers, /) -> Ints:
        """Return a number for each set of lacking resources."""
        kind = np.zeros(len(refused), dtype=np.int64)
        for free, asked in _asked(refused):
            kind = kind * 2 + (free < asked)
        return kind

    def misses(self, refused: Offers, /) -> list[Ints]:
        """Return the missing amount of each resource that is asked for."""
        return [np.maximum(asked - free, 0) for free, asked in _asked(refused)]

    def room(self, offers: Offers, most: int, /) -> Ints | None:
        """Return how often the whole amount fits."""
        times = np.full(len(offers), most, dtype=np.int64)
        for free, asked in _asked(offers):
            np.minimum(times, np.maximum(free, 0) // asked, out=times)
        return times


def _asked(offers: Offers) -> list[tuple[Ints, int]]:
    """Return what is free of each resource that is asked for, and how much is asked."""
    asked = offers.demand.resources
    found: list[tuple[Ints, int]] = []
    if asked.cpu_millis:
        found.append((offers.cpu_free, asked.cpu_millis))
    if asked.memory_bytes:
        found.append((offers.memory_free, asked.memory_bytes))
    if asked.disk_bytes:
        found.append((offers.disk_free, asked.disk_bytes))
    return found
