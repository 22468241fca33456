"""Displacing: which allocations of a lower priority have to go so that a replica fits, and on which node.

Only asked when no node takes the replica as it is. Whatever keeps a node from it besides room, host ports and devices
(its state, constraints, volumes, `max_per_node`) keeps it from displacing there, too.

Promises about the victims: each has a strictly lower priority, none is of the same task, and the replica would not fit
if any one of them stayed. Room that becomes free anyway is taken before anybody is displaced for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from math import comb

import msgspec
import numpy as np

from cube.core.scheduler.columns import Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters import FILTERS, refuse
from cube.core.scheduler.filters.extras import Extras
from cube.core.scheduler.filters.host_ports import HostPorts
from cube.core.scheduler.filters.room import Room
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import place
from cube.core.scheduler.trial import without
from cube.core.scheduler.yielding import Yielding
from cube.model.allocation import Allocation
from cube.model.extras import Share
from cube.model.ids import AllocationId, NodeId

NODES_AT_MOST = 32  # looked at closely per question, those first that lack least
SETS_AT_MOST = (
    300  # of one size tried on one node; beyond, the victims are few, but not proven fewest
)


class Tenant(msgspec.Struct, frozen=True):
    """An allocation that may have to go, and the priority of its task."""

    allocation: Allocation
    priority: int


class Occupants(msgspec.Struct, frozen=True):
    """Who is on a node: those that may be displaced, and those that leave anyway."""

    tenants: tuple[Tenant, ...]
    leaving: tuple[Allocation, ...]

    @property
    def everybody(self) -> tuple[Allocation, ...]:
        """Both."""
        return (*(one.allocation for one in self.tenants), *self.leaving)


class Displacement(msgspec.Struct, frozen=True):
    """Where the replica goes, who has to go for it, and whose room it `awaits`: theirs and that of those leaving."""

    node_id: NodeId
    victims: tuple[Allocation, ...]
    awaits: tuple[AllocationId, ...]
    devices: tuple[Share, ...] = ()


def displace(
    demand: Demand,
    priority: int,
    inventory: Inventory,
    yielding: Yielding,
    occupants: Callable[[NodeId], Occupants],
    *,
    only: Collection[NodeId] | None = None,
) -> Displacement | None:
    """Return the cheapest displacement that makes one replica fit, or None where none does.

    Cheapest: nobody at all, then the node with the fewest replicas of the task, then the fewest victims, then those of
    the lowest priorities, then the node's name. The inventory is as before on return.
    """
    found: list[tuple[tuple[object, ...], Displacement]] = []
    for row in promising(demand, priority, inventory, yielding, only):
        there = occupants(inventory.id(row))
        with _gone(inventory, there.leaving):
            victims = _victims(inventory, row, demand, there.tenants)
            if victims is None:
                continue
            replicas = inventory.replicas(demand.task_id).get(row, 0)
            cost = (bool(victims), replicas, *_cost(victims), int(inventory.rank[row]))
            found.append((cost, _displacement(inventory, row, demand, victims, there.leaving)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def promising(
    demand: Demand,
    priority: int,
    inventory: Inventory,
    yielding: Yielding | None,
    only: Collection[NodeId] | None = None,
    *,
    most: int = NODES_AT_MOST,
) -> list[int]:
    """Return the rows where it would fit, as far as amounts go, if all below the priority were gone.

    Where it is not counted what could yield, all that is held is taken for it. Those first that lack least.
    """
    offers = Offers(inventory, demand, inventory.rows(only))
    stands = np.ones(len(offers), dtype=np.bool_)
    for one in FILTERS:
        if not isinstance(one, _MENDED) and one.concerns(demand):
            stands &= one.passes(offers)
    below = offers.capacity - offers.free
    if yielding is not None:
        below = yielding.below(priority, len(inventory.ids))[:, offers.rows]
    asked = demand.resources
    lacking = np.zeros(len(offers))
    for free, held, amount in (
        (offers.cpu_free, below[0], asked.cpu_millis),
        (offers.memory_free, below[1], asked.memory_bytes),
        (offers.disk_free, below[2], asked.disk_bytes),
    ):
        if amount:
            stands &= free + held >= amount
            lacking += np.maximum(amount - free, 0) / amount
    which = stands.nonzero()[0]
    replicas = offers.replicas if offers.replicas is not None else np.zeros(len(offers))
    order = np.lexsort((offers.rank[which], lacking[which], replicas[which]))
    rows: Ints = offers.numbers[which[order[:most]]]
    return [int(row) for row in rows]


_MENDED = (Room, HostPorts, Extras)
"""The filters whose refusal may end when somebody goes."""


def _displacement(
    inventory: Inventory,
    row: int,
    demand: Demand,
    victims: Sequence[Tenant],
    leaving: Sequence[Allocation],
) -> Displacement:
    node_id = inventory.id(row)
    gone = tuple(one.allocation for one in victims)
    with _gone(inventory, gone):
        devices = place(demand, 1, inventory, lambda _: (), only=(node_id,)).devices
    awaits = tuple(one.id for one in (*gone, *leaving))
    return Displacement(node_id, gone, awaits, devices[0] if devices else ())


def _victims(
    inventory: Inventory, row: int, demand: Demand, tenants: Sequence[Tenant]
) -> tuple[Tenant, ...] | None:
    """Return the cheapest tenants without whom it fits: none where it does already, None where nothing helps."""

    def fits(some: Sequence[Tenant]) -> bool:
        room = inventory.free_on(row)
        for one in some:
            room += one.allocation.demand
        if not demand.resources.fits(room):
            return False
        with _gone(inventory, [one.allocation for one in some]):
            return refuse(inventory, row, demand) is None

    if fits(()):
        return ()
    if not fits(tenants):
        return None
    enough = _without_the_needless(inventory, row, demand, tenants)
    size = 1
    while comb(len(tenants), size) <= SETS_AT_MOST:  # ends with the size of `enough` at the latest
        if fitting := [some for some in combinations(tenants, size) if fits(some)]:
            return min(fitting, key=_cost)
        size += 1
    return enough


def _without_the_needless(
    inventory: Inventory, row: int, demand: Demand, tenants: Sequence[Tenant]
) -> tuple[Tenant, ...]:
    """Return tenants without whom it fits, each of whom is needed: those it fits beside are let back in.

    The smallest are let in first, so that few large ones stay out; among equals the highest priorities, then the
    oldest.
    """
    stay: list[Tenant] = []
    out: list[Tenant] = []
    with _gone(inventory, [one.allocation for one in tenants]):
        for one in sorted(tenants, key=lambda one: (_size(one, demand), *_worth(one))):
            inventory.hold(*one.allocation.holding)
            if refuse(inventory, row, demand) is None:
                stay.append(one)
            else:
                inventory.let_go(*one.allocation.holding)
                out.append(one)
        for one in stay:
            inventory.let_go(*one.allocation.holding)
    return tuple(out)


def _size(tenant: Tenant, demand: Demand) -> float:
    """How much of what is asked for it holds."""
    holds, asks = tenant.allocation.demand, demand.resources
    millis = dict(demand.extras)
    return (
        holds.cpu_millis / (asks.cpu_millis or float("inf"))
        + holds.memory_bytes / (asks.memory_bytes or float("inf"))
        + holds.disk_bytes / (asks.disk_bytes or float("inf"))
        + sum(
            share.millis / millis[share.extra]
            for share in tenant.allocation.devices
            if share.extra in millis
        )
        + len(set(tenant.allocation.host_ports).intersection(demand.host_ports))
    )


def _worth(tenant: Tenant) -> tuple[int, int]:
    """Sort the highest priority first, then the oldest."""
    return -tenant.priority, tenant.allocation.revision


def _cost(victims: Sequence[Tenant]) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Fewer is cheaper, then lower priorities from the highest on, then younger ones."""
    return (
        len(victims),
        tuple(sorted((one.priority for one in victims), reverse=True)),
        tuple(sorted(-one.allocation.revision for one in victims)),
    )


@contextmanager
def _gone(inventory: Inventory, allocations: Sequence[Allocation]) -> Generator[None]:
    """Make it look, until the end of the block, as it will once these are gone."""
    with ExitStack() as stack:
        for one in allocations:
            stack.enter_context(without(inventory, *one.holding))
        yield
