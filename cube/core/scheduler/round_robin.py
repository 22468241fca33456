"""Round robin: the node that was chosen least recently.

The turn is read from the recorded assignments, so a restarted manager goes on where it was; a node that cannot take
the task keeps its turn.
"""

from __future__ import annotations

from collections.abc import Callable

from cube.core.scheduler.candidate import Candidate
from cube.model.resources import Resources


def round_robin(_demand: Resources, _nodes: int) -> Callable[[Candidate], tuple[float, ...]]:
    """Cost: the revision of the newest assignment."""

    def cost(candidate: Candidate) -> tuple[float, ...]:
        return (candidate.last_placed,)

    return cost
