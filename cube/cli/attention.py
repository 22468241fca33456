"""What is wrong in a cluster as rows, the worst first. What that is, and its words, are the manager's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from cube.cli.tables import Cell, Table
from cube.core.words import plural
from cube.model.concern import Concern, Severity
from cube.wire.views import TaskView
from cube.wire.watch import AttentionView

SHOWN = 10  # more than that is not read; the filters of `cube status` show the rest

_SIGNS = {Severity.ERROR: "failed", Severity.WARNING: "suspect", Severity.NOTICE: "cordoned"}


def attention_table(attention: AttentionView) -> Table:
    """One row for each of the worst."""
    shown = attention.concerns[:SHOWN]
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(_subject(one)),
            Cell(one.code.replace("_", " "), _SIGNS[one.severity]),
            Cell(_reason(one)),
        )
        for one in shown
    ]
    if left := attention.errors + attention.warnings + attention.notices - len(shown):
        rows.append((Cell(f"and {left} more"), Cell(""), Cell("")))
    return Table(("ATTENTION", "STATE", "REASON"), rows)


def without_told(concerns: Sequence[Concern], tasks: Iterable[TaskView]) -> list[TaskView]:
    """Return the tasks without the reasons of those that are shown above: nobody reads them twice."""
    told = {one.id for one in concerns[:SHOWN]}
    return [replace(task, reason="") if task.id in told else task for task in tasks]


def _subject(concern: Concern) -> str:
    return f"{concern.subject} {concern.name}".rstrip()


def _reason(concern: Concern) -> str:
    others = concern.slots - 1
    return f"{concern.reason} (and {plural(others, 'more slot')})" if others > 0 else concern.reason
