"""What a strategy is: a preference among offers that all stand, as columns that can be compared.

Kept apart from the register of strategies, so that a strategy's file needs nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cube.core.scheduler.columns import Column
from cube.core.scheduler.offers import Offers


class Term(NamedTuple):
    """One figure of a cost: its name, for explanations, and its value for each offer. Less is better.

    Where a `step` is given, two nodes of one step are as good as each other if one of them has the image: the rest of
    the figure is not worth a pull. 0: every difference is.
    """

    name: str
    values: Column
    step: float = 0.0


PULL_STEP = 1 / 24
"""Of a node: so much room may be given up for a pull that is saved. Half a step of `fit`: less, and it decides nothing
on nodes in use; twice as much, and best fit is not one any more."""

Strategy = Callable[[Offers], Iterable[Term]]
"""(offers) -> the terms of their costs, most significant first; the least is chosen, term by term.

A generator computes a term only where those before it leave several offers equal.

Promises that placing relies on: the figures of an offer follow from the columns of that offer, the number of nodes and
what all other tasks have reserved, none of which a replica of the task changes, so that a batch can be priced at once;
they are finite or infinite, never NaN, wherever the demand fits. Offers that do not fit may be priced, too: what comes
out for them is not looked at, so it must only not raise.
"""
