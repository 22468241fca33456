"""From explanations and plans to rows. Pure, like `tables`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from cube.cli import words
from cube.cli.tables import Cell, Table
from cube.wire.placement_views import (
    FieldChangeView,
    NodeVerdictView,
    PictureView,
    PlanView,
    WhyView,
)

NONE = "-"


def why_table(told: WhyView, now: datetime) -> Table:
    """One row per slot: how it stands, where it is and why there, and how that node stands today."""
    fitting = {
        number: sum(node.place > 0 for node in picture.nodes)
        for picture in told.pictures
        for number in picture.slots
    }
    rows: list[tuple[Cell, ...]] = []
    for slot in told.slots:
        place = slot.place_now
        stands = NONE if place is None else f"{place} of {fitting[slot.slot]}" if place else "no"
        rows.append(
            (
                Cell(slot.name),
                Cell(slot.code, _SIGNS.get(slot.code, slot.code)),
                Cell(slot.node or NONE),
                Cell(words.age(slot.assigned_at, now)),
                Cell(stands),
                Cell("; ".join(filter(None, (slot.reason, slot.chosen_then)))),
            )
        )
    return Table(("SLOT", "STATE", "NODE", "SINCE", "PLACE NOW", "REASON"), rows)


_SIGNS = {
    "unplaceable": "waiting",
    "placeable": "waiting",
    "leaving": "waiting",
    "recovering": "waiting",
    "restarting": "exited",
    "unready": "unhealthy",
}
"""The states whose sign they share."""


def verdict_table(picture: PictureView) -> Table:
    """One row per node: its place and its scores by term, or the filter that refused it and why."""
    scores = next((node.scores for node in picture.nodes if node.place), {})
    terms = tuple(term for term in scores if term != "name")  # the rows say it by their order
    refused = any(not node.place for node in picture.nodes)
    columns = ("NODE", "PLACE", *(term.upper() for term in terms))
    columns += ("REFUSED BY", "REASON") if refused else ()
    return Table(columns, [_verdict_row(node, terms, refused) for node in picture.nodes])


def _verdict_row(node: NodeVerdictView, terms: tuple[str, ...], refused: bool) -> tuple[Cell, ...]:
    place = Cell(str(node.place)) if node.place else Cell("no", "waiting")
    scores = (Cell(_score(node, term)) for term in terms)
    reasons = (Cell(node.code or NONE), Cell(node.reason)) if refused else ()
    return (Cell(node.node), place, *scores, *reasons)


def _score(node: NodeVerdictView, term: str) -> str:
    if not node.place:
        return NONE
    value = node.scores.get(term)
    return "unknown" if value is None else f"{value:.4g}"


def field_table(fields: Iterable[FieldChangeView]) -> Table:
    """One row per value that changes."""
    rows: list[tuple[Cell, ...]] = [
        (Cell(one.path), Cell(_value(one.path, one.before)), Cell(_value(one.path, one.after)))
        for one in fields
    ]
    return Table(("FIELD", "FROM", "TO"), rows)


def _value(path: str, value: Any) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, int) and path.endswith("_bytes"):
        return words.size(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def step_table(plan: PlanView) -> Table:
    """One row per slot, in the order in which they would change; last those that would not."""
    slots = sorted(plan.slots, key=lambda one: (one.step or len(plan.slots) + 1, one.slot))
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(str(one.step or NONE)),
            Cell(one.name),
            Cell(one.action),
            Cell(one.before or NONE),
            Cell(one.after or NONE),
            Cell(one.reason),
        )
        for one in slots
    ]
    return Table(("STEP", "SLOT", "ACTION", "FROM", "TO", "REASON"), rows)
