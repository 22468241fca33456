"""What a waiting command shows at one moment: a row per slot, and how they stand together. Pure.

A frame is made of one view and the seconds on the clock. What is drawn of it is chosen to fit the terminal: where there
are more rows than lines, those that are in trouble or on their way are shown, and the others are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cube.cli.tables import phase_word, present
from cube.model.allocation import Health
from cube.wire.views import AllocationView, DrainView, TaskView

_PULLED = re.compile(r", (\d{1,3}) %( of [0-9.]+ [KMGT]?i?B)?$")
_URGENCY = (
    "failed",
    "unhealthy",
    "exited",
    "lost",
    "waiting",
    "blocked",
    "pulling",
    "creating",
    "starting",
    "assigned",
    "stopping",
)  # then those that are only counted: queued, running, healthy, completed
_SETTLED = frozenset({"running", "healthy", "completed", "queued"})


class Row(NamedTuple):
    """One slot on its way. `share`: how much of its image is there, from 0 to 1; None where nothing is pulled."""

    name: str
    state: str
    node: str = "-"
    seconds: float | None = None
    detail: str = ""
    share: float | None = None


class Frame(NamedTuple):
    """A moment of one task, or of one node that is drained."""

    subject: str
    summary: str
    rows: tuple[Row, ...]


class Fitted(NamedTuple):
    """As many rows as there is room for, and a line about the rest (empty: all are shown)."""

    rows: tuple[Row, ...]
    rest: str


class Stopwatch:
    """How long each thing has been going on, and how long it took once it is settled."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def seconds(self, key: str, settled: bool, now: float) -> float | None:
        """Return the seconds since it was first seen; None for what was settled from the start."""
        if key not in self._began and settled:
            return None
        passed = now - self._began.setdefault(key, now)
        if settled:
            return self._took.setdefault(key, passed)
        self._took.pop(key, None)
        return passed


def task_frame(task: TaskView, watch: Stopwatch, now: float) -> Frame:
    """Return the moment of a task: a row for each allocation that is there, and for each slot that waits."""
    rows = [(one.slot, 0, Row(one.name, "waiting", detail=one.reason)) for one in task.waiting]
    rows += [
        (one.slot, one.generation, allocation_row(one, watch, now))
        for one in present(task.allocations)
    ]
    summary = f"{task.name}: {task.ready} of {task.replicas} ready"
    return Frame(
        task.name, summary, tuple(row for *_, row in sorted(rows, key=lambda row: row[:2]))
    )


def drain_frame(view: DrainView, watch: Stopwatch, now: float) -> Frame:
    """Return the moment of a drain: a row for each replica that is still there, with what takes over from it."""
    rows: list[Row] = []
    for one in view.left:
        key = f"{one.allocation_id} leaves"
        seconds = watch.seconds(key, settled=one.step in ("queued", "blocked"), now=now)
        if one.relief is None:
            rows.append(Row(one.name, one.step, view.node, seconds, one.reason))
            continue
        relief = allocation_row(one.relief, watch, now)
        rows.append(relief._replace(node=f"{view.node} to {relief.node}"))
    left = len(view.left)
    return Frame(
        view.node, f"{view.node}: {left} left" if left else f"{view.node}: empty", tuple(rows)
    )


def allocation_row(one: AllocationView, watch: Stopwatch, now: float) -> Row:
    """Return the row of one stay of a slot."""
    state = phase_word(one)
    if state == "running" and one.health is not Health.NONE:
        state = "starting" if one.health is Health.STARTING else one.health.value
    pulled = _PULLED.search(one.reason) if state == "pulling" else None
    return Row(
        one.name,
        state,
        one.node,
        watch.seconds(one.id, state in _SETTLED, now),
        "" if one.reason == state else one.reason,
        min(100, int(pulled[1])) / 100 if pulled else None,
    )


def fitted(frame: Frame, most: int) -> Fitted:
    """Choose at most `most` lines: all rows if they fit, else the most urgent ones in their order, and a count."""
    if len(frame.rows) <= most:
        return Fitted(frame.rows, "")
    places = sorted(range(len(frame.rows)), key=lambda place: (_rank(frame.rows[place]), place))
    shown = sorted(places[: max(most - 1, 0)])
    hidden = [frame.rows[place] for place in places[max(most - 1, 0) :]]
    return Fitted(
        tuple(frame.rows[place] for place in shown), f"and {len(hidden)} more: {counts(hidden)}"
    )


def counts(rows: Iterable[Row]) -> str:
    """Return how many are in which state, the most urgent first: `3 pulling, 200 running`."""
    ranks = {row.state: _rank(row) for row in rows}
    counted = Counter(row.state for row in rows)
    return ", ".join(
        f"{counted[one]} {one}" for one in sorted(ranks, key=lambda one: (ranks[one], one))
    )


def _rank(row: Row) -> int:
    return _URGENCY.index(row.state) if row.state in _URGENCY else len(_URGENCY)
