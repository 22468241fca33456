"""Placing replicas: filter the nodes, let the strategy price them, take the cheapest, price that one again.

Reads the inventory and changes nothing in it; whoever takes the placement records it.

Replicas of one task avoid each other first, so a node's next offer comes behind all offers of nodes that have fewer
replicas. What a batch takes is therefore known without trying: each node's offers, as many as fit on it, in the order
of (replicas, what the strategy asks, name, id). One sort of these columns places the whole batch.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import numpy as np

from cube.core.scheduler.columns import Column, Ints
from cube.core.scheduler.costs import Tally, terms
from cube.core.scheduler.demand import Demand, demand_of
from cube.core.scheduler.devices import choose
from cube.core.scheduler.filters import NodeRefusal, concerning, standing
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.refusals import Unplaceable, refusals
from cube.core.scheduler.strategy import Strategy
from cube.core.words import plural
from cube.model.extras import DEVICE, Share
from cube.model.ids import NodeId

__all__ = [
    "Demand",
    "NodeRefusal",
    "Placement",
    "Unplaceable",
    "demand_of",
    "place",
    "why_not",
]


class Placement(msgspec.Struct, frozen=True):
    """Where the replicas go, first replica first. `refusal` tells why the rest found no place, if there is a rest."""

    nodes: tuple[NodeId, ...]
    refusal: Unplaceable | None = None
    devices: tuple[
        tuple[Share, ...], ...
    ] = ()  # of each replica; nothing at all where none are asked for
    why: str = ""  # in a phrase, why these nodes and no others


def place(
    demand: Demand,
    count: int,
    inventory: Inventory,
    strategy: Strategy,
    *,
    only: Collection[NodeId] | None = None,
) -> Placement:
    """Choose nodes for `count` replicas, as if each were placed and recorded before the next.

    Replicas of one task avoid each other before the strategy has its say; equal costs go to the smaller node name,
    then id. With `only`, no other node is looked at, and the refusal speaks of these alone (see `why_not`).
    """
    offers = Offers(inventory, demand, inventory.rows(only))
    stands = standing(offers).nonzero()[0]
    if count == 1 and len(stands):
        row, decided_by = _cheapest(offers, stands, strategy)
        devices = _devices(demand, inventory, [row])
        why = _why_one(decided_by, len(stands), len(offers), only is not None)
        return Placement((inventory.id(row),), devices=devices, why=why)
    rows = _batch(offers.at(stands), count, strategy) if len(stands) and count else []
    nodes = tuple(map(inventory.id, rows))
    devices = _devices(demand, inventory, rows)
    why = _why_several(len(nodes), len(stands)) if nodes else ""
    if len(nodes) == count:
        return Placement(nodes, devices=devices, why=why)
    taken = np.bincount(rows, minlength=len(inventory.ids))[offers.rows]
    refusal = refusals(Offers(inventory, demand, offers.rows, taken))
    return Placement(nodes, refusal, devices, why)


def why_not(demand: Demand, inventory: Inventory) -> Unplaceable | None:
    """Return why no node takes one replica now, or None when one does."""
    offers = Offers(inventory, demand, inventory.rows())
    return None if standing(offers).any() else refusals(offers)


def _why_one(decided_by: str, fitting: int, nodes: int, freed: bool) -> str:
    """Return the phrase for one replica; `freed`: only nodes were looked at that had refused it before."""
    if fitting == 1 and freed:
        return "the first to have room for it"
    if fitting == 1:
        return "the only node" if nodes == 1 else f"the only one of {nodes} nodes that fits"
    if decided_by == "image":
        return f"has the image, of {fitting} that fit"
    if decided_by == "name":
        return f"first by name among equals of {fitting} that fit"
    return f"best of {fitting} that fit by {decided_by}"


def _why_several(count: int, fitting: int) -> str:
    return f"one of {count} placed at once over {plural(fitting, 'node')} that fit"


def _cheapest(offers: Offers, stands: Ints, strategy: Strategy) -> tuple[int, str]:
    """Return the row of the first offer, and the term that decided; without sorting the others.

    `stands` are the positions to choose from.
    """
    decided_by = "spread"
    # Taking the rows that stand out of every column costs more than pricing those that do not, too.
    if len(stands) * 4 > len(offers.inventory.ids) and not offers.demand.spread:
        among = stands
    else:
        offers, among = offers.at(stands), np.arange(len(stands))
    if offers.demand.spread:
        among = _least(Tally(offers.inventory, offers.demand, offers.numbers).scores(), among)
    everything = len(among) == len(offers.inventory.ids)
    columns = terms(offers, strategy)
    while len(among) > 1:  # ends with the last term, in which no two are equal
        term = next(columns)
        among = _least(term.values, among, everything)
        decided_by = term.name
        everything = False
    return int(among[0] if isinstance(offers.rows, slice) else offers.rows[among[0]]), decided_by


def _least(column: Column, among: Ints, everything: bool = False) -> Ints:
    """Return those among the positions where the column is least. `everything`: they are all there are."""
    values = column if everything else column[among]
    least: Ints = (values == np.minimum.reduce(values)).nonzero()[0]
    return least if everything else among[least]


def _one_by_one(offers: Offers, count: int, strategy: Strategy) -> list[int]:
    """Return the rows of the first `count` replicas of a task that spreads over labels. All of `offers` stand.

    Where one replica goes changes what every node with that label's value costs the next, so they are placed in turn;
    but only the node that was chosen is priced anew.
    """
    inventory, demand, rows = offers.inventory, offers.demand, offers.numbers
    room = _room(offers, count)
    tally = Tally(inventory, demand, rows)
    columns = [term.values.copy() for term in terms(_begun(offers), strategy)]
    ahead = np.zeros(len(rows), dtype=np.int64)
    chosen: list[int] = []
    while len(chosen) < count and (open_ := room.nonzero()[0]).size:
        among = _least(tally.scores(), open_)
        for column in columns:
            among = _least(column, among)
        pick = among[:1]
        chosen.append(int(rows[pick[0]]))
        tally.add(int(pick[0]))
        room[pick] -= 1
        ahead[pick] += 1
        turn = np.array([len(chosen)])
        again = Offers(inventory, demand, rows[pick], ahead[pick], turn)
        for column, term in zip(columns, terms(again, strategy), strict=True):
            column[pick] = term.values
    return chosen


def _begun(offers: Offers) -> Offers:
    """Return the offers as those of a batch of which nothing is placed yet."""
    return Offers(
        offers.inventory, offers.demand, offers.rows, np.zeros(len(offers), dtype=np.int64)
    )


def _batch(offers: Offers, count: int, strategy: Strategy) -> list[int]:
    """Return the rows of the first `count` offers in their order, fewer where fewer fit. All of `offers` stand."""
    if offers.demand.spread:
        return _one_by_one(offers, count, strategy)
    room = _room(offers, count)
    replicas = offers.replicas
    room = _up_to_level(np.zeros_like(room) if replicas is None else replicas, room, count)
    rows = np.repeat(offers.numbers, room)
    # 0, 1, 2 ... for each node: position in all, less the position of the node's first.
    ahead = np.arange(len(rows)) - np.repeat(np.cumsum(room) - room, room)
    each = Offers(offers.inventory, offers.demand, rows, ahead)
    order = np.lexsort([term.values for term in terms(each, strategy)][::-1])
    chosen: list[int] = rows[order[:count]].tolist()
    return chosen


def _room(offers: Offers, most: int) -> Ints:
    """Return how many replicas fit on each, up to `most`."""
    room = np.full(len(offers), most, dtype=np.int64)
    for one in concerning(offers.demand):
        limit = one.room(offers, most)
        if limit is not None:
            np.minimum(room, limit, out=room)
    return room


def _devices(
    demand: Demand, inventory: Inventory, rows: list[int]
) -> tuple[tuple[Share, ...], ...]:
    """Return which devices each of these replicas gets, one after the other."""
    if not demand.extras:
        return ()
    free: dict[tuple[str, int], list[int]] = {}
    shares: list[list[Share]] = [[] for _ in rows]
    for extra, millis in demand.extras:
        for row, share in zip(rows, shares, strict=True):
            if (extra, row) not in free:
                free[extra, row] = inventory.devices_free(extra, np.array([row]))[0].tolist()
            for device in choose(free[extra, row], millis):
                free[extra, row][device] -= min(millis, DEVICE)
                share.append(Share(extra, device, min(millis, DEVICE)))
    return tuple(map(tuple, shares))


def _up_to_level(replicas: Ints, room: Ints, count: int) -> Ints:
    """Return how many offers of each node can be among the first `count`, at most `room` of each.

    Found by the level: the smallest number of replicas per node up to which there are `count` offers.
    """
    # A node has one offer per level at most, so there are as many levels at least; mostly there are no more.
    low = int(np.minimum.reduce(replicas)) - (-count // len(replicas))
    offers = _offers_up_to(low, replicas, room)
    if np.add.reduce(offers) >= count:
        return offers
    low, high = low + 1, int(np.maximum.reduce(replicas + room))
    while low < high:
        level = (low + high) // 2
        if np.add.reduce(_offers_up_to(level, replicas, room)) >= count:
            high = level
        else:
            low = level + 1
    return _offers_up_to(low, replicas, room)


def _offers_up_to(level: int, replicas: Ints, room: Ints) -> Ints:
    """Return how many offers each node has below that number of replicas."""
    return np.minimum(np.maximum(level - replicas, 0), room)
