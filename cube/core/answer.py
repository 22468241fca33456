"""The one sentence that answers `cube why`: why a task waits, or why it runs where it runs."""

from __future__ import annotations

from collections.abc import Sequence

from cube.core.excerpt import Excerpt
from cube.core.why import SlotCode, SlotWhy, Why
from cube.core.words import plural
from cube.model.task import Goal

NODES_NAMED = 5


def answer(excerpt: Excerpt, found: Why, recovering: str = "") -> str:
    """Return the sentence about the slot that most needs attention, or about all where all is well.

    `recovering` is what a recovery of the ledger waits for.
    """
    task = excerpt.task
    if task.goal is Goal.STOP:
        left = sum(slot.code is SlotCode.STOPPING for slot in found.slots)
        going = f"is being stopped: {plural(left, 'container')} left"
        return f"{task.name} {going if left else 'was stopped'}"
    wanted = [slot for slot in found.slots if slot.code not in _UNWANTED]
    if not wanted:
        if len(found.slots) == 1:
            return f"{excerpt.name_of(found.slots[0].number)} was scaled away"
        return f"{task.name} is scaled to 0"
    worst = min(wanted, key=lambda slot: (_ORDER.index(slot.code), slot.number))
    alike = [slot for slot in wanted if slot.code is worst.code]
    if len(wanted) > 1:
        share = _share(len(alike), len(wanted))
        return f"{share} of {task.name} {_several(worst, alike, recovering)}"
    return f"{excerpt.name_of(worst.number)} {_one(found, worst, recovering)}"


def _share(some: int, of_all: int) -> str:
    if some < of_all:
        return f"{some} of {of_all} slots"
    return "both slots" if of_all == 2 else f"all {of_all} slots"


_UNWANTED = (SlotCode.STOPPING, SlotCode.STOPPED)

_ORDER = (
    SlotCode.FAILED,
    SlotCode.UNPLACEABLE,
    SlotCode.RECOVERING,
    SlotCode.RESTARTING,
    SlotCode.UNREADY,
    SlotCode.LEAVING,
    SlotCode.PLACEABLE,
    SlotCode.STARTING,
    SlotCode.RUNNING,
    SlotCode.COMPLETED,
)
"""From what most needs attention to what least does."""

_VERBS = {
    SlotCode.FAILED: ("has failed", "have failed"),
    SlotCode.UNPLACEABLE: ("waits", "wait"),
    SlotCode.RECOVERING: ("waits", "wait"),
    SlotCode.RESTARTING: ("is started again and again", "are started again and again"),
    SlotCode.UNREADY: ("runs and is not ready", "run and are not ready"),
    SlotCode.LEAVING: (
        "waits for its former container to go",
        "wait for their former containers to go",
    ),
    SlotCode.PLACEABLE: ("is about to be placed", "are about to be placed"),
    SlotCode.STARTING: ("is being started", "are being started"),
    SlotCode.RUNNING: ("runs", "run"),
    SlotCode.COMPLETED: ("has completed", "have completed"),
}


def _one(found: Why, slot: SlotWhy, recovering: str) -> str:
    words = _VERBS[slot.code][0]
    if slot.allocation is not None and slot.code in _ON_A_NODE:
        words += f" on {slot.node_name}"
    reason = _reason(slot, recovering)
    if slot.code is SlotCode.RUNNING:
        reason = slot.chosen_then or _now(found, slot)
    return f"{words}: {reason}" if reason else words


def _several(worst: SlotWhy, alike: Sequence[SlotWhy], recovering: str) -> str:
    words = _VERBS[worst.code][len(alike) > 1]
    if worst.code in _ON_A_NODE:
        nodes = sorted({slot.node_name for slot in alike if slot.node_name})
        more = f" and {len(nodes) - NODES_NAMED} more" if len(nodes) > NODES_NAMED else ""
        words += f" on {', '.join(nodes[:NODES_NAMED])}{more}"
    reason = "" if worst.code is SlotCode.RUNNING else _reason(worst, recovering)
    return f"{words}: {reason}" if reason else words


_ON_A_NODE = frozenset(
    {
        SlotCode.FAILED,
        SlotCode.RESTARTING,
        SlotCode.UNREADY,
        SlotCode.STARTING,
        SlotCode.RUNNING,
        SlotCode.COMPLETED,
    }
)


def _reason(slot: SlotWhy, recovering: str) -> str:
    if slot.code is SlotCode.RECOVERING:
        return f"the ledger is being recovered: {recovering}"
    return slot.reason


def _now(found: Why, slot: SlotWhy) -> str:
    """Return how the node stands today, for an allocation whose reasons were not recorded."""
    picture = next((one for one in found.pictures if slot.number in one.slots), None)
    if picture is None or slot.place_now != 1:
        return ""
    return f"it would go there again, {picture.explanation.why_chosen}"
