"""Whether a node takes new work, and if not, what keeps it from doing so: one word for each node."""

from __future__ import annotations

from cube.model.node import Availability, Condition, Node

OPEN = "open"
STATES = (
    OPEN,
    "quarantined",
    "lost",
    "suspect",
    "cordoned",
    "draining",
    "runtime_down",
    "unused",
)
"""What keeps a node from new work, in the words of refusals; the column `state` counts through these."""

STATE_NUMBERS = {word: number for number, word in enumerate(STATES)}
"""The words as they stand in a column."""


def state_of(node: Node) -> str:
    """Return the word for the node: the worst news first."""
    if node.quarantine:
        return "quarantined"
    if node.condition is not Condition.READY:
        return node.condition.value
    if node.availability is not Availability.ACTIVE:
        return node.availability.value
    return "runtime_down" if node.runtime_error else OPEN
