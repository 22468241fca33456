"""What a filter is: the same verdict twice, as a column for all offers and as a sentence for one node."""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np

from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.model.ids import NodeId
from cube.model.resources import NOTHING, Resources


class NodeRefusal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Why one node cannot take one replica. `code` is for programs, `message` for people."""

    node_id: NodeId
    node_name: str
    code: str
    message: str
    about: str = ""  # what the code alone does not say: the constraint, the ports, the resources
    short: Resources = NOTHING  # how much is missing
    extras_short: tuple[tuple[str, int], ...] = ()  # thousandths of devices, by kind


class Filter(Protocol):
    """One reason to refuse. `passes` and `refuse` agree for every node, demand and number of replicas ahead."""

    def concerns(self, demand: Demand, /) -> bool:
        """Whether the demand can fail it at all: a batch need not ask the others of every node."""
        ...

    def passes(self, offers: Offers, /) -> Flags:
        """Return which offers stand."""
        ...

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, ahead: int, /
    ) -> NodeRefusal | None:
        """Return why one node does not take one replica more, None when it does."""
        ...

    def kinds(self, refused: Offers, /) -> Ints:
        """Return a number for each refused offer, equal for those that are told together.

        Refusals of one number have the same `code` and `about`.
        """
        ...

    def misses(self, refused: Offers, /) -> list[Ints]:
        """Return how much is missing, most significant first; nothing where nothing can be measured.

        Less is a nearer miss, among refused offers of the same kind.
        """
        ...

    def room(self, offers: Offers, most: int, /) -> Ints | None:
        """Return how many replicas fit on each, up to `most`; None when placing some keeps none out."""
        ...


class Alike:
    """What most filters have in common: their refusals are all of one kind, and replicas do not crowd each other."""

    def kinds(self, refused: Offers, /) -> Ints:
        """Return the same number for all."""
        return np.zeros(len(refused), dtype=np.int64)

    def misses(self, _refused: Offers, /) -> list[Ints]:
        """Return nothing: no miss is nearer than another."""
        return []

    def room(self, offers: Offers, most: int, /) -> Ints | None:  # noqa: ARG002  # the protocol's
        """Return None: whoever takes one replica takes any number, as far as this filter goes."""
        return None


def refusal(
    inventory: Inventory,
    row: int,
    code: str,
    message: str,
    *,
    about: str = "",
    short: Resources = NOTHING,
    extras_short: tuple[tuple[str, int], ...] = (),
) -> NodeRefusal:
    """Return the refusal by the node of that row."""
    node = inventory.node(row)
    return NodeRefusal(
        node_id=node.id,
        node_name=node.name,
        code=code,
        message=message,
        about=about,
        short=short,
        extras_short=extras_short,
    )
