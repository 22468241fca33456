"""Which columns a terminal has room for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cube.cli.columns import fitted, needed
from cube.cli.output import rich_table
from cube.cli.tables import Cell, Table, slot_table, task_table
from cube.model.task import TaskState
from tests.cli.views import NOW, allocation, task

REASON = "no node fits: 2 lack memory (nearest w1, 212 MiB short of 512 MiB)"
TASKS = [
    task(allocation(), name="a-name-that-is-long-enough-to-matter"),
    task(name="api", state=TaskState.PENDING, reason=REASON),
]


def drawn(table: Table, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(rich_table(fitted(table, width)))
    return console.export_text()


@pytest.mark.parametrize("width", [80, 140])
def test_names_and_reasons_are_whole_at_any_usual_width(width: int) -> None:
    text = drawn(task_table(TASKS, NOW), width)

    assert "a-name-that-is-long-enough-to-matter" in text
    assert set(REASON.split()) <= set(text.split())
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_what_says_nothing_goes_first_then_what_is_missed_least() -> None:
    table = slot_table(task(allocation()), NOW)
    assert "PORTS" in table.columns

    assert fitted(table, needed(table)).columns == table.columns
    assert "PORTS" not in fitted(table, needed(table) - 1).columns
    assert fitted(table, 1).columns == ("SLOT", "STATE", "NODE", "REASON")


def test_columns_are_left_out_with_their_cells() -> None:
    table = Table(("NAME", "AGE", "STATE"), [(Cell("web"), Cell("3m"), Cell("running", "running"))])

    assert fitted(table, 10) == Table(
        ("NAME", "STATE"), [(Cell("web"), Cell("running", "running"))]
    )
