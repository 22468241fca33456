"""The rows of `cube top`."""

from __future__ import annotations

from datetime import timedelta

from cube.cli.top_rows import SLOT_COLUMNS, Look, chosen, header, node_rows, slot_rows
from cube.model.allocation import Health
from cube.model.node import Usage
from cube.wire.views import AllocationUsageView, UsageView
from tests.cli.views import NOW, allocation, node, task, waiting

MIB = 1 << 20


def used(slot: int, cpu_millis: int) -> AllocationUsageView:
    return AllocationUsageView(
        id=f"t-web.{slot}.1",
        name=f"web.{slot}",
        cpu_millis=cpu_millis,
        memory_bytes=slot * MIB,
        memory_limit_bytes=0,
    )


WEB = task(
    allocation(1, started_at=NOW - timedelta(seconds=40)),
    allocation(2, health=Health.UNHEALTHY, ready=False, reason="GET /\x1b[2J refused"),
    waiting=(waiting(3),),
    replicas=3,
)
LOOK = Look(
    NOW,
    [WEB],
    [node(usage=Usage(cpu_millis=1500, memory_bytes=MIB))],
    UsageView(at=NOW, allocations=(used(1, 250), used(2, 700)), silent=("w9",)),
    "127.0.0.1:5555",
)


def test_a_slot_has_its_usage_and_what_is_wrong_with_it() -> None:
    rows = {row.cells[0]: row.cells[1:] for row in slot_rows(LOOK)}

    assert rows["web.1"] == ("● running", "w1", "0.25", "1 MiB", "0", "40s", "-", "")
    assert rows["web.2"][:4] == ("✗ unhealthy", "w1", "0.7", "2 MiB")
    assert rows["web.2"][-1] == "GET / [2J refused", "nothing steers the terminal"
    assert rows["web.3"][:2] == ("○ waiting", "-")


def test_a_node_has_what_it_uses_of_what_it_has() -> None:
    [row] = node_rows(LOOK)

    assert row.cells[:4] == ("w1", "● ready", "1.5/4", "1 MiB of 8 GiB")


def test_rows_are_filtered_by_words_and_sorted_by_a_column() -> None:
    rows = slot_rows(LOOK)
    cpu = SLOT_COLUMNS.index("CPU")

    def names(typed: str, column: int = 0, *, downwards: bool = False) -> list[str]:
        return [row.cells[0] for row in chosen(rows, typed, column, downwards=downwards)]

    assert names("", cpu, downwards=True) == ["web.2", "web.1", "web.3"]
    assert names("WEB running") == ["web.1"]
    assert names("web !running") == ["web.2", "web.3"]
    assert names("nope") == []


def test_the_header_says_what_is_missing_and_how_old_it_is() -> None:
    assert header(LOOK).endswith("| no usage from w9")
    assert "STALE since" in header(LOOK, "no manager answers")
