"""Offers: the places that are looked at, as columns.

An offer is one node's next free place for a replica of the demand, given how many replicas of the same batch are
there `ahead` of it. Filters say which offers stand, strategies price them; both read the columns as they would be by
then, so a batch of replicas is judged at once and not one after the other.
"""

from __future__ import annotations

import numpy as np

from cube.core.scheduler.columns import Flags, Floats, Ints, Rows
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.devices import after
from cube.core.scheduler.inventory import Inventory
from cube.model.extras import DEVICE

# Further apart than any two revisions, and small enough for 2^21 replicas on a node.
_TURN = 1 << 42


class Offers:
    """One offer per row, or per entry of `ahead`. The columns are in the order of `rows`."""

    __slots__ = ("ahead", "demand", "inventory", "rows", "turns")

    def __init__(
        self,
        inventory: Inventory,
        demand: Demand,
        rows: Rows,
        ahead: Ints | None = None,
        turns: Ints | None = None,
    ) -> None:
        self.inventory = inventory
        self.demand = demand
        self.rows = rows
        self.ahead = ahead  # None: nothing of this batch is anywhere yet
        self.turns = (
            ahead if turns is None else turns
        )  # when the node was chosen last in this batch

    def __len__(self) -> int:
        """How many offers there are."""
        if isinstance(self.rows, slice):
            return int(self.rows.stop)
        return len(self.rows)

    def devices_free(self, extra: str) -> Ints:
        """The free thousandths of each device of that kind, a line per offer, before this replica is placed."""
        free = self.inventory.devices_free(extra, self.rows)
        for name, millis in self.demand.extras:
            if name == extra and self.ahead is not None:
                free = after(free, millis, self.ahead)
        return free

    def extra_free(self, extra: str) -> Ints:
        """The free thousandths of all devices of that kind together, before this replica is placed."""
        free: Ints = self.inventory.devices_free(extra, self.rows).sum(axis=1, dtype=np.int64)
        return free if self.ahead is None else free - self.ahead * self.demand.extra_millis(extra)

    def extra_capacity(self, extra: str) -> Ints:
        """Thousandths of devices of that kind, one of the kinds that the inventory knows."""
        return self.inventory.devices_count(extra, self.rows) * DEVICE

    @property
    def nodes(self) -> int:
        """How many nodes the cluster has, however few of them are looked at."""
        return len(self.inventory)

    @property
    def capacity(self) -> Ints:
        """Lines of cpu (thousandths of a core), memory and disk (bytes): what the machine has."""
        return self.inventory.capacity[:, self.rows]

    @property
    def free(self) -> Ints:
        """The same lines: what is not promised away before this replica is placed."""
        here = self.inventory.free[:, self.rows]
        if self.ahead is None:
            return here
        asked = np.array(self.demand.resources.amounts, dtype=np.int64)
        return here - np.multiply.outer(asked, self.ahead)

    @property
    def cpu_capacity(self) -> Ints:
        """Thousandths of a core."""
        return self.inventory.capacity[0, self.rows]

    @property
    def memory_capacity(self) -> Ints:
        """Bytes."""
        return self.inventory.capacity[1, self.rows]

    @property
    def disk_capacity(self) -> Ints:
        """Bytes."""
        return self.inventory.capacity[2, self.rows]

    @property
    def per_capacity(self) -> Floats:
        """The same lines: 1 / capacity, for shares of a node."""
        return self.inventory.per_capacity[:, self.rows]

    @property
    def cpu_free(self) -> Ints:
        """What is not promised away before this replica is placed."""
        return self._less(self.inventory.cpu_free, self.demand.resources.cpu_millis)

    @property
    def memory_free(self) -> Ints:
        """What is not promised away before this replica is placed."""
        return self._less(self.inventory.memory_free, self.demand.resources.memory_bytes)

    @property
    def disk_free(self) -> Ints:
        """What is not promised away before this replica is placed."""
        return self._less(self.inventory.disk_free, self.demand.resources.disk_bytes)

    @property
    def count(self) -> Ints:
        """Allocations of any task on the node."""
        return self._less(self.inventory.count, -1)

    @property
    def replicas(self) -> Ints | None:
        """Allocations of the demand's own task on the node; None: none anywhere."""
        column = self.inventory.replicas_column(self.demand.task_id)
        if column is None:
            return self.ahead
        return self._less(column, -1)

    @property
    def last_placed(self) -> Ints:
        """The order of the newest assignments: a revision, or later than all of them within the batch.

        Nodes take turns within a batch: whoever was before another at its first replica is so at the next.
        """
        here = self.inventory.last_placed[self.rows]
        return here if self.turns is None else here + self.turns * _TURN

    @property
    def absent(self) -> Flags | None:
        """Which nodes would have to pull the image, as far as is known; None where that tells no two apart."""
        column = self.inventory.images.absent(self.demand.image, len(self.inventory.ids))
        return None if column is None else column[self.rows]

    @property
    def rank(self) -> Ints:
        """The order of the nodes by name, then id."""
        return self.inventory.rank[self.rows]

    @property
    def numbers(self) -> Ints:
        """The rows as numbers."""
        if isinstance(self.rows, slice):
            return np.arange(self.rows.start, self.rows.stop)
        return self.rows

    def at(self, which: Ints) -> Offers:
        """Return the offers at these positions."""
        ahead = None if self.ahead is None else self.ahead[which]
        # The rows of a slice are numbered from 0, so that a position is a row.
        rows = which if isinstance(self.rows, slice) else self.rows[which]
        return Offers(self.inventory, self.demand, rows, ahead)

    def _less(self, column: Ints, amount: int) -> Ints:
        here = column[self.rows]
        return here - self.ahead * amount if self.ahead is not None and amount else here
