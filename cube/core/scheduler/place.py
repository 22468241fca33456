"""Placing replicas: filter the nodes, let the strategy price them, take the cheapest, price that one again.

Reads the candidates and changes none of them; whoever takes the placement records it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heapreplace

import msgspec

from cube.core.scheduler.candidate import Candidate
from cube.core.scheduler.demand import Demand, demand_of
from cube.core.scheduler.explain import NodeRefusal, Unplaceable
from cube.core.scheduler.filters import concerning, refuse
from cube.core.scheduler.strategies import Cost, Strategy
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

Offer = tuple[int, tuple[float, ...], str, NodeId]
"""Replicas of the task on the node, what the strategy asks for one more, the node's name and id."""

# Newer than any revision: within a batch each pick is more recent than whatever is recorded.
_THIS_BATCH = 1 << 62


class Placement(msgspec.Struct, frozen=True):
    """Where the replicas go, first replica first. `refusal` tells why the rest found no place, if there is a rest."""

    nodes: tuple[NodeId, ...]
    refusal: Unplaceable | None = None


def place(
    demand: Demand,
    count: int,
    candidates: Mapping[NodeId, Candidate],
    strategy: Strategy,
    *,
    only: Collection[NodeId] | None = None,
) -> Placement:
    """Choose nodes for `count` replicas, as if each were placed and recorded before the next.

    Replicas of one task avoid each other before the strategy has its say; equal costs go to the smaller node name,
    then id. With `only`, no other node is looked at, and the refusal speaks of these alone (see `why_not`).
    """
    filters = concerning(demand)
    cost = strategy(demand.resources, len(candidates))
    offers: list[Offer] = []
    refusals: list[NodeRefusal] = []
    for candidate in _considered(candidates, only):
        if refusal := refuse(candidate, demand, filters):
            refusals.append(refusal)
        else:
            offers.append(_offer(candidate, demand, cost))
    heapify(offers)

    chosen: list[NodeId] = []
    trials: dict[NodeId, Candidate] = {}  # the picked nodes as they would be
    while offers and len(chosen) < count:
        node_id = offers[0][-1]
        chosen.append(node_id)
        if len(chosen) == count:
            break
        if node_id not in trials:
            trials[node_id] = candidates[node_id].copy()
        trial = trials[node_id]
        trial.hold(demand.task_id, demand.resources, demand.host_ports)
        trial.last_placed = _THIS_BATCH + len(chosen)
        # Only the picked node has changed, so only its offer is made anew: a batch costs n + k log n.
        if refusal := refuse(trial, demand, filters):
            refusals.append(refusal)
            heappop(offers)
        else:
            heapreplace(offers, _offer(trial, demand, cost))

    if len(chosen) >= count:
        return Placement(tuple(chosen))
    return Placement(tuple(chosen), _unplaceable(refusals, candidates))


def why_not(demand: Demand, candidates: Mapping[NodeId, Candidate]) -> Unplaceable | None:
    """Return why no node takes one replica now, or None when one does."""
    refusals: list[NodeRefusal] = []
    for candidate in candidates.values():
        refusal = refuse(candidate, demand)
        if refusal is None:
            return None
        refusals.append(refusal)
    return _unplaceable(refusals, candidates)


def _considered(
    candidates: Mapping[NodeId, Candidate], only: Collection[NodeId] | None
) -> Iterable[Candidate]:
    if only is None:
        return candidates.values()
    return [candidates[node_id] for node_id in sorted(only) if node_id in candidates]


def _offer(candidate: Candidate, demand: Demand, cost: Cost) -> Offer:
    """Return what orders the nodes. It is never equal for two: ids differ."""
    node = candidate.node
    replicas = candidate.tasks.get(demand.task_id, 0)
    return replicas, cost(candidate), node.facts.name, node.id


def _unplaceable(
    refusals: list[NodeRefusal], candidates: Mapping[NodeId, Candidate]
) -> Unplaceable:
    in_order = sorted(refusals, key=lambda refusal: (refusal.node_name, refusal.node_id))
    return Unplaceable(tuple(in_order), len(candidates))
