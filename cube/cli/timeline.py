"""How long each step of a replica's start took, from its events. Pure.

All moments are the manager's own, so that no two clocks are compared; the steps on a node are lengths that its worker
measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cube.cli.tables import Cell, Table
from cube.cli.words import span
from cube.model.event import EventKind
from cube.wire.views import AllocationView, EventView, TaskDetail

# What makes the manager look for a place: a wish, or the end of the stay before.
_CAUSES = frozenset(
    {
        EventKind.TASK_CREATED,
        EventKind.TASK_CHANGED,
        EventKind.ALLOCATION_COMPLETED,
        EventKind.ALLOCATION_FAILED,
        EventKind.ALLOCATION_STOPPING,
        EventKind.ALLOCATION_REMOVED,
        EventKind.ALLOCATION_LOST,
    }
)


class Steps(NamedTuple):
    """The start of one stay, in milliseconds; None: it has not come so far, or nobody knows any more.

    Pull, create and start are those of its latest run.
    """

    name: str
    node: str
    asked_at: datetime | None
    scheduled: float | None
    pulled: float | None = None
    created: float | None = None
    started: float | None = None
    healthy: float | None = None  # after its start
    total: float | None = None  # from the wish to running, or healthy where that is asked for


def timeline_table(task: TaskDetail, events: Sequence[EventView]) -> Table | None:
    """One row for each replica of which something is known; None where that is none."""
    found = [
        steps_of(one, events) for one in task.allocations if one.phase not in ("removed", "lost")
    ]
    rows = [_row(steps) for steps in found if steps.scheduled is not None or steps.created]
    columns = (
        "SLOT", "NODE", "ASKED", "SCHEDULED", "PULLED", "CREATED", "STARTED", "HEALTHY", "TOTAL"
    )  # fmt: skip
    return Table(columns, rows) if rows else None


def steps_of(allocation: AllocationView, events: Sequence[EventView]) -> Steps:
    """Return the steps of one stay, of the task's events in their order."""
    of_slot = [one for one in events if one.slot in (None, allocation.slot)]
    own = [one for one in of_slot if one.generation == allocation.generation]
    placed = _last(own, EventKind.ALLOCATION_ASSIGNED)
    asked = _cause(of_slot, placed) if placed else None
    running = _last(own, EventKind.ALLOCATION_RUNNING)
    healthy = next((one for one in own if running and _healthy_after(one, running)), None)
    took = allocation.timings
    first_run = not allocation.restarts
    return Steps(
        allocation.name,
        allocation.node,
        asked.at if asked else None,
        _between(asked, placed),
        (took.pull_ms or None) if took else None,  # 0: the image was there
        (took.create_ms or None) if took else None,  # 0: found made, by a worker that started anew
        (took.start_ms or None) if took else None,
        _between(running, healthy),
        _between(asked, healthy or running) if first_run else None,
    )


def _cause(events: Sequence[EventView], placed: EventView) -> EventView | None:
    """The newest event before the placing that it may have followed."""
    before = [one for one in events if one.revision < placed.revision and one.kind in _CAUSES]
    return before[-1] if before else None


def _last(events: Sequence[EventView], kind: EventKind) -> EventView | None:
    return next((one for one in reversed(events) if one.kind is kind), None)


def _healthy_after(event: EventView, running: EventView) -> bool:
    health = event.kind is EventKind.ALLOCATION_HEALTH and event.code == "healthy"
    return health and event.revision > running.revision


def _between(first: EventView | None, then: EventView | None) -> float | None:
    return (then.at - first.at).total_seconds() * 1000 if first and then else None


def _row(steps: Steps) -> tuple[Cell, ...]:
    asked = f"{steps.asked_at.astimezone():%H:%M:%S}" if steps.asked_at else "-"
    lengths = ("-" if one is None else span(one) for one in steps[3:])
    return (Cell(steps.name), Cell(steps.node), Cell(asked), *map(Cell, lengths))
