"""A task's slots and how they stand, counted as they change: a task of 10,000 replicas is summed up by reading
seven numbers.
"""

from __future__ import annotations

from enum import IntEnum

from cube.model.allocation import Allocation, Phase, Wanted
from cube.model.ids import AllocationId, NodeId
from cube.model.task import Goal, Task

UNPLACED = "waiting to be placed"
"""Why a slot waits that was waiting when the manager ended, until it is looked at again."""


class Standing(IntEnum):
    """How a slot stands, from what most needs attention to what least does."""

    FAILED = 0  # for good: only the user can mend it
    VACANT = 1  # has no live allocation and needs one
    ASSIGNED = 2  # has a node, and no running container yet or just now
    UNREADY = 3  # runs, and is not healthy yet or any more
    READY = 4
    COMPLETED = 5
    UNWANTED = 6  # beyond the replicas, or of a stopped task


_STANDINGS = len(Standing)

Avoided = dict[NodeId, tuple[float, str]]
"""The nodes a slot does not go to: until when (monotonic), and why."""


class Slot:
    """The n-th replica. It persists while its allocations come and go."""

    __slots__ = ("avoid", "latest", "leaving", "number", "standing", "waiting")

    def __init__(self, number: int) -> None:
        self.number = number
        self.latest: Allocation | None = None
        self.leaving: dict[AllocationId, Allocation] = {}  # earlier ones that are not forgotten yet
        self.avoid: Avoided = {}
        self.waiting = ""  # why it has no place; empty when it has one, or was not looked at yet
        self.standing = Standing.UNWANTED

    def avoided(self, at: float) -> Avoided:
        """Return the nodes this slot does not go to at that time, until when, and why."""
        return {node: entry for node, entry in self.avoid.items() if entry[0] > at}

    @property
    def generation(self) -> int:
        """The highest fencing number given in this slot."""
        return self.latest.generation if self.latest else 0


class Roster:
    """The slots of one task. Written by `Cluster` only."""

    __slots__ = ("outdated", "present", "slots", "standings")

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.standings = [0] * _STANDINGS
        self.present = 0  # allocations of which something may be left on a node that is not lost
        self.outdated: set[int] = set()  # slots whose live allocation must be replaced

    def slot(self, number: int) -> Slot:
        """Return the slot, made when it is new."""
        slot = self.slots.get(number)
        if slot is None:
            slot = self.slots[number] = Slot(number)
            self.standings[slot.standing] += 1
        return slot

    def recount(self, slot: Slot, task: Task) -> None:
        """Take note that the slot, its allocation or the task changed."""
        standing = standing_of(slot, task)
        if standing is not slot.standing:
            self.standings[slot.standing] -= 1
            self.standings[standing] += 1
            slot.standing = standing
        if standing is not Standing.VACANT:
            slot.waiting = ""
        latest = slot.latest
        if latest and latest.live and latest.template_revision < task.template_revision:
            self.outdated.add(slot.number)
        else:
            self.outdated.discard(slot.number)

    @property
    def running(self) -> int:
        """How many slots have a container that runs."""
        return self.standings[Standing.UNREADY] + self.standings[Standing.READY]

    def count(self, standing: Standing) -> int:
        """How many slots stand so."""
        return self.standings[standing]


def standing_of(slot: Slot, task: Task) -> Standing:
    """Return how the slot stands in the light of what the task wants."""
    if slot.number > task.wanted_slots:
        return Standing.UNWANTED
    latest = slot.latest
    if latest is None or latest.lost:
        return Standing.VACANT
    phase = latest.observed.phase
    if latest.wanted is Wanted.REMOVE:
        return Standing.VACANT
    if phase.ended and latest.template_revision < task.template_revision:
        return Standing.VACANT
    if phase is Phase.COMPLETED:
        return Standing.COMPLETED
    if phase is Phase.FAILED:
        failure = latest.observed.failure
        return Standing.VACANT if failure and failure.kind.local else Standing.FAILED
    if phase is Phase.REMOVED:
        return Standing.VACANT
    if phase is not Phase.RUNNING:
        return Standing.ASSIGNED
    return Standing.READY if latest.ready else Standing.UNREADY


def settled(task: Task, roster: Roster) -> bool:
    """Whether the task was stopped and nothing of it is left anywhere that can still be heard."""
    return task.goal is Goal.STOP and not roster.present
