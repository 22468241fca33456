"""What orders the offers of a demand, most significant first.

Spread over labels, then replicas of one task apart, then what the task would rather have, then the strategy's figures,
among which a node that has the image comes first where they are nearly equal; equals go to the smaller node name, then
id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from cube.core.scheduler.columns import Flags, Floats, Ints
from cube.core.scheduler.demand import Demand, Wish
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import Strategy, Term

NO_LABEL = 1 << 40
"""Behind any number of replicas: a node without the label is no part of what is spread over."""


def terms(offers: Offers, strategy: Strategy) -> Iterator[Term]:
    """Yield the terms of the cost of each offer, but for what depends on the other offers: see `Tally`."""
    replicas = offers.replicas
    if replicas is not None:
        yield Term("replicas", replicas)
    if offers.demand.wishes:
        yield Term("preferences", -satisfied(offers))
    absent = offers.absent
    yield from strategy(offers) if absent is None else with_image(strategy(offers), absent)
    yield Term("name", offers.rank)


def with_image(figures: Iterable[Term], absent: Flags) -> Iterator[Term]:
    """Yield the figures with the image among them: after what is rounded to steps, before what is left of that.

    After all of them where none has steps. The reasons are in docs/decisions/0012-image-present.md.
    """
    asked = False
    for term in figures:
        if term.step and not asked:
            yield Term(f"{term.name} in steps", np.floor(term.values / term.step))
            yield Term("image", absent.astype(np.int64))
            asked = True
        yield term
    if not asked:
        yield Term("image", absent.astype(np.int64))


def satisfied(offers: Offers) -> Floats:
    """Return from -1 to 1 how far each node is what the task would rather have."""
    wishes = offers.demand.wishes
    total = np.zeros(len(offers))
    for wish in wishes:
        total += wish.weight * _grants(offers, wish)
    score: Floats = total / sum(abs(wish.weight) for wish in wishes)
    return score


def _grants(offers: Offers, wish: Wish) -> Flags:
    if wish.when is not None:
        return offers.inventory.matching(wish.when)[offers.rows]
    near = offers.inventory.replicas_column(wish.near) if wish.near else None
    return np.zeros(len(offers), dtype=np.bool_) if near is None else near[offers.rows] > 0


class Tally:
    """How many replicas of the task have which value of the labels it spreads over, counted on as they are placed."""

    def __init__(self, inventory: Inventory, demand: Demand, rows: Ints) -> None:
        self._lines: list[tuple[int, Ints, Ints]] = []
        for spread in demand.spread:
            codes, values = inventory.values_of(spread.label)
            counts = np.zeros(values, dtype=np.int64)
            for row, replicas in inventory.replicas(demand.task_id).items():
                if codes[row] >= 0:
                    counts[codes[row]] += replicas
            self._lines.append((spread.weight, counts, codes[rows]))

    def scores(self) -> Ints:
        """Return what placing on each row would add to the crowd: less is better."""
        total = np.zeros(len(self._lines[0][2]), dtype=np.int64)
        for weight, counts, codes in self._lines:
            crowd = np.append(counts, NO_LABEL)  # -1, no label, is the last
            total += weight * crowd[codes]
        return total

    def add(self, position: int) -> None:
        """Count one more replica, on the row at that position."""
        for _, counts, codes in self._lines:
            if codes[position] >= 0:
                counts[codes[position]] += 1
