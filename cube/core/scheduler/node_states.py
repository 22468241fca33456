"""What keeps a node from new work, as one word: the first that holds, the gravest before what was wished."""

from __future__ import annotations

from cube.model.node import Availability, Condition, Node

OPEN = "open"
UNUSED = "unused"  # a row of the inventory that belongs to no node
STATES = (
    OPEN,
    "quarantined",
    "lost",
    "suspect",
    "cordoned",
    "draining",
    "runtime_down",
    UNUSED,
)
"""In the words of refusals; the inventory's column `state` counts through these."""

NUMBERS = {word: number for number, word in enumerate(STATES)}


def state_of(node: Node) -> str:
    """Return what keeps the node from new work; `open` when nothing does."""
    if node.quarantine:
        return "quarantined"
    if node.condition is not Condition.READY:
        return node.condition.value
    if node.availability is not Availability.ACTIVE:
        return node.availability.value
    return "runtime_down" if node.runtime_error else OPEN
