"""Round robin: the node that was chosen least recently.

The turn is read from the recorded assignments, so a restarted manager goes on where it was; a node that cannot take
the task keeps its turn.
"""

from __future__ import annotations

from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import Term


def round_robin(offers: Offers) -> tuple[Term, ...]:
    """Cost: the revision of the newest assignment."""
    return (Term("last chosen", offers.last_placed),)
