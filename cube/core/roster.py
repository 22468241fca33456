"""A task's slots and how they stand, counted as they change: a task of 10,000 replicas is summed up by reading
seven numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import msgspec

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

Avoided = Mapping[NodeId, tuple[float, str]]
"""The nodes a slot does not go to: until when (monotonic), and why."""

NONE_LEAVING: Mapping[AllocationId, Allocation] = MappingProxyType({})
NONE_AVOIDED: Avoided = MappingProxyType({})


class Slot(msgspec.Struct, gc=False):
    """The n-th replica. It persists while its allocations come and go.

    The one object that there is for each replica beside its allocation: it is never part of a cycle, and what most of
    them never need is made when it is.
    """

    number: int
    latest: Allocation | None = None
    relief: Allocation | None = None
    """Stands by to take over from the latest, which keeps its place until then."""
    leaving: Mapping[AllocationId, Allocation] = NONE_LEAVING
    """Earlier ones that are not forgotten yet."""
    avoid: Avoided = NONE_AVOIDED
    waiting: str = ""  # why it has no place; empty when it has one, or was not looked at yet
    standing: Standing = Standing.UNWANTED

    def put(self, allocation: Allocation) -> None:
        """Take in an allocation of the slot, or its newer record.

        The latest is the one of the highest generation, unless that is a relief which stands by, or was given up: then
        it is the one to be relieved. So the records alone say who fills the slot: a restarted manager finds the same.
        """
        alone = not self.leaving and self.relief is None
        if alone and (self.latest is None or self.latest.id == allocation.id):
            self.latest = allocation
            return
        known = {one.id: one for one in (*self.leaving.values(), self.latest, self.relief) if one}
        known[allocation.id] = allocation
        top = max(known.values(), key=lambda one: one.generation)
        held = known.get(top.relieves) if top.relieves else None
        took_over = held is None or (top.keeps_its_place and not held.keeps_its_place)
        self.latest = top if took_over else held
        self.relief = top if not took_over and top.keeps_its_place else None
        placed = (self.latest, self.relief)
        self.leaving = {one.id: one for one in known.values() if one not in placed} or NONE_LEAVING

    @property
    def forgettable(self) -> list[Allocation]:
        """Those of which nothing is left, but for the highest generation: a relief given up keeps its number taken."""
        return [
            one for one in self.leaving.values() if one.gone and one.generation < self.generation
        ]

    def forget(self, allocation_id: AllocationId) -> None:
        """Drop one of those that are leaving, if it is there."""
        left = {id: one for id, one in self.leaving.items() if id != allocation_id}
        self.leaving = left or NONE_LEAVING

    @property
    def every(self) -> list[Allocation]:
        """All allocations of the slot that are on record, the oldest first."""
        known = [*self.leaving.values(), *(one for one in (self.latest, self.relief) if one)]
        return sorted(known, key=lambda one: one.generation)

    @property
    def clear(self) -> bool:
        """Whether nothing of former allocations is on its way out, and none stands by: a new one may come."""
        if self.relief is not None or (self.latest is not None and self.latest.leaving):
            return False
        return all(one.ended for one in self.leaving.values())

    def avoid_node(self, node_id: NodeId, until: float, why: str) -> None:
        """Do not go to the node before `until`."""
        self.avoid = {**self.avoid, node_id: (until, why)}

    def avoided(self, at: float) -> dict[NodeId, tuple[float, str]]:
        """Return the nodes this slot does not go to at that time, until when, and why."""
        return {node: entry for node, entry in self.avoid.items() if entry[0] > at}

    @property
    def generation(self) -> int:
        """The highest fencing number given in this slot."""
        if self.relief is None and not self.leaving:
            return self.latest.generation if self.latest else 0
        return self.every[-1].generation


class Roster:
    """The slots of one task. Written by `Cluster` only."""

    __slots__ = ("outdated", "present", "refused_by", "slots", "standings", "version")

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.standings = [0] * _STANDINGS
        self.present = 0  # allocations of which something may be left on a node that is not lost
        self.version = 0  # grows whenever the task, its slots or their allocations change
        self.outdated: set[int] = set()  # slots whose live allocation must be replaced
        self.refused_by: tuple[str, ...] = ()  # codes of the filters, when a slot was last refused

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

    def unsettled(self) -> list[int]:
        """Return the numbers of the slots that may need something: all but those that simply do their work."""
        return [
            number
            for number, slot in self.slots.items()
            if slot.standing is not Standing.READY or slot.relief is not None
        ]

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
