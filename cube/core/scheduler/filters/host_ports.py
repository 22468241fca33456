"""Only where every fixed host port is free."""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers


class HostPorts(Alike):
    """Refuses with all the ports that are taken. A second replica of the same batch finds them taken by the first."""

    def concerns(self, demand: Demand, /) -> bool:
        """Only tasks with fixed host ports."""
        return bool(demand.host_ports)

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes have all of them free."""
        free: Flags = np.logical_not(np.asarray(self._taken(offers).any(axis=0)))
        return free

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, ahead: int, /
    ) -> NodeRefusal | None:
        """Return the ports that are taken."""
        taken = [
            f"{port}/{protocol}"
            for port, protocol in demand.host_ports
            if ahead or row in inventory.holders((port, protocol))
        ]
        if not taken:
            return None
        about = f"{'port' if len(taken) == 1 else 'ports'} {' and '.join(taken)}"
        return refusal(inventory, row, "host_ports", f"{about} taken", about=about)

    def kinds(self, refused: Offers, /) -> Ints:
        """Return a number for each set of taken ports."""
        return np.unique(self._taken(refused), axis=1, return_inverse=True)[1].reshape(-1)

    def room(self, offers: Offers, _most: int, /) -> Ints | None:
        """Return one where they are free."""
        return self.passes(offers).astype(np.int64)

    def _taken(self, offers: Offers) -> Flags:
        """Return a line per port: where it is taken."""
        inventory, ports = offers.inventory, offers.demand.host_ports
        taken = np.zeros((len(ports), len(inventory.ids)), dtype=np.bool_)
        for line, port in zip(taken, ports, strict=True):
            holders = inventory.holders(port)
            line[np.fromiter(holders, dtype=np.int64, count=len(holders))] = True
        here = taken[:, offers.rows]
        return here if offers.ahead is None else here | (offers.ahead > 0)
