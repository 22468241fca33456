"""Placing explained: for every node why it was refused, or how it was priced and in which place it came.

Plain structs with codes for programs beside words for people. Costs some microseconds per node, so it is for those who
ask (`cube why`), and not for the reason that every waiting task carries: that is counted by `refusals`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from cube.core.scheduler.costs import Tally, terms
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters import NodeRefusal, refuse, standing
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.remedies import Remedy, remedies
from cube.core.scheduler.strategy import Strategy, Term
from cube.model.extras import DEVICE
from cube.model.ids import NodeId


class Score(msgspec.Struct, frozen=True, gc=False):
    """One term of a node's cost. Less is better; the first term in which two nodes differ decides between them."""

    term: str
    value: float


class NodeVerdict(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of one node: refused, or priced and in its place among those that fit."""

    node_id: NodeId
    node_name: str
    refusal: NodeRefusal | None = None
    scores: tuple[Score, ...] = ()
    place: int = 0  # 1: would be chosen; 0: refused


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Every node once: those that fit in the order of choice, then those that refuse, nearest misses first."""

    verdicts: tuple[NodeVerdict, ...]
    chosen: NodeId | None = None
    why_chosen: str = ""
    nearest: NodeRefusal | None = None  # where nothing fits: the refusal that misses by least
    remedies: tuple[Remedy, ...] = ()  # where nothing fits


def explain(demand: Demand, inventory: Inventory, strategy: Strategy) -> Explanation:
    """Return where one more replica would go now and why, or why it goes nowhere and what would help."""
    everywhere = Offers(inventory, demand, inventory.rows())
    stands = standing(everywhere)
    # Who fits is seen at once for all; only refusals are worded node by node, which takes some microseconds each.
    rows = everywhere.numbers[~stands].tolist()
    refused = [one for row in rows if (one := refuse(inventory, row, demand)) is not None]
    refused.sort(key=lambda one: (*_distance(one, demand), one.node_name, one.node_id))
    no = [NodeVerdict(node_id=one.node_id, node_name=one.node_name, refusal=one) for one in refused]
    if not stands.any():
        return Explanation(
            verdicts=tuple(no),
            nearest=refused[0] if refused else None,
            remedies=remedies(demand, inventory, refused),
        )
    yes = _priced(everywhere.at(np.flatnonzero(stands)), strategy)
    return Explanation(verdicts=(*yes, *no), chosen=yes[0].node_id, why_chosen=_why_chosen(yes))


def _priced(offers: Offers, strategy: Strategy) -> list[NodeVerdict]:
    """Return the nodes in the order in which they would be chosen, with their scores."""
    columns = [*terms(offers, strategy)]
    if offers.demand.spread:
        crowd = Tally(offers.inventory, offers.demand, offers.numbers).scores()
        columns.insert(0, Term("spread", crowd))
    order = np.lexsort([term.values for term in columns][::-1])
    nodes = map(offers.inventory.node, offers.numbers[order].tolist())
    names = [term.name for term in columns]
    # Plus nothing: a minus zero becomes a zero.
    figures = zip(*((term.values[order] + 0.0).tolist() for term in columns), strict=True)
    return [
        NodeVerdict(
            node_id=node.id,
            node_name=node.name,
            scores=tuple(map(Score, names, values)),
            place=place,
        )
        for place, (node, values) in enumerate(zip(nodes, figures, strict=True), start=1)
    ]


def _why_chosen(yes: Sequence[NodeVerdict]) -> str:
    first, *others = yes
    if not others:
        return f"{first.node_name} is the only node that fits"
    second = others[0]
    # No two are equal in the last term.
    mine, its = next(
        pair
        for pair in zip(first.scores, second.scores, strict=True)
        if pair[0].value != pair[1].value
    )
    if mine.term == "image":
        return f"{first.node_name} before {second.node_name}: it has the image, and the other would pull it"
    if mine.term == "name":
        return f"{first.node_name} and {second.node_name} are equal; the smaller name decides"
    return (
        f"{first.node_name} before {second.node_name}: {mine.term} {mine.value:g} "
        f"against {its.value:g}"
    )


def _distance(refusal: NodeRefusal, demand: Demand) -> tuple[int, float]:
    """Return how far the node is from taking the replica: by how far it came through the filters, then by amount."""
    came = _CODES_IN_ORDER.index(refusal.code)
    asked, short = demand.resources, refusal.short
    share = sum(
        missing / amount
        for missing, amount in (
            (short.cpu_millis, asked.cpu_millis),
            (short.memory_bytes, asked.memory_bytes),
            (short.disk_bytes, asked.disk_bytes),
        )
        if amount
    )
    share += sum(missing / DEVICE for _, missing in refusal.extras_short)
    return -came, share


_CODES_IN_ORDER = (
    "quarantined",
    "lost",
    "suspect",
    "runtime_down",
    "platform",
    "policy",
    "constraints",
    "volumes",
    "draining",
    "cordoned",
    "max_per_node",
    "avoided",
    "host_ports",
    "extras",
    "resources",
)
"""From what is hardest to change to what is easiest."""
