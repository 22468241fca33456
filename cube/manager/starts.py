"""How long the phases of a replica's start took, told by the recorded events and records of its allocation.

The manager's moments and the worker's are each compared among themselves only: two machines' wall clocks differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from cube.model.allocation import Allocation, Health, Phase, Timings
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import AllocationId
from cube.model.task import Task

STARTING_MOST = 10_000  # containers whose first good health is waited for; of more nothing is told

PHASES = ("queue", "dispatch", "pull", "create", "start", "ready", "total")
PhaseTime = tuple[str, float]
"""The phase and its seconds."""


class Starts:
    """Follows the first run of each allocation until it is ready."""

    def __init__(self) -> None:
        self._not_ready_yet: dict[AllocationId, None] = {}

    def phases(self, event: TaskEvent, allocation: Allocation, task: Task) -> Iterator[PhaseTime]:
        """Yield the phases that ended with this event of the allocation."""
        match event.kind:
            case EventKind.ALLOCATION_ASSIGNED:
                if _asked_for_anew(allocation):
                    yield "queue", _seconds(event.at_ms - task.changed_ms)
            case EventKind.ALLOCATION_RUNNING if allocation.observed.restart == 0:
                yield from self._started(event, allocation, task)
            case EventKind.ALLOCATION_HEALTH if event.code == Health.HEALTHY:
                yield from self._healthy(event, allocation, task)
            case _ if allocation.observed.phase > Phase.RUNNING:
                self._not_ready_yet.pop(allocation.id, None)

    def _started(self, event: TaskEvent, allocation: Allocation, task: Task) -> Iterator[PhaseTime]:
        took = allocation.observed.timings or Timings()
        steps = (("pull", took.pull_ms), ("create", took.create_ms), ("start", took.start_ms))
        yield from ((name, _seconds(length)) for name, length in steps if length)
        rest = event.at_ms - allocation.assigned_ms - sum(length for _, length in steps)
        yield "dispatch", _seconds(rest)
        if allocation.ready:
            yield from _whole(event, allocation, task)
        elif len(self._not_ready_yet) < STARTING_MOST:
            self._not_ready_yet[allocation.id] = None

    def _healthy(self, event: TaskEvent, allocation: Allocation, task: Task) -> Iterator[PhaseTime]:
        if allocation.id not in self._not_ready_yet:
            return
        del self._not_ready_yet[allocation.id]
        yield "ready", _seconds(allocation.observed.at_ms - allocation.observed.started_ms)
        yield from _whole(event, allocation, task)


def _whole(event: TaskEvent, allocation: Allocation, task: Task) -> Iterator[PhaseTime]:
    if _asked_for_anew(allocation):
        yield "total", _seconds(event.at_ms - task.changed_ms)


def _asked_for_anew(allocation: Allocation) -> bool:
    """Whether its user's last change of the task is what it began with. Later ones have other beginnings."""
    return allocation.generation == 1


def _seconds(length_ms: int) -> float:
    return max(0, length_ms) / 1000
