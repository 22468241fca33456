"""What `cube top` shows: a row for each slot and each node, with what it uses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from cube.cli.output import one_line
from cube.cli.tables import exit_text, node_word, overview, phase_word, present, visible
from cube.cli.words import age, cores, sign, size
from cube.wire.views import AllocationUsageView, AllocationView, NodeView, TaskView, UsageView

SLOT_COLUMNS = ("SLOT", "STATE", "NODE", "CPU", "MEMORY", "RESTARTS", "AGE", "EXIT", "REASON")
NODE_COLUMNS = ("NODE", "STATE", "CPU", "MEMORY", "RESERVED", "SLOTS", "REASON")


class Look(NamedTuple):
    """The cluster as it was at one moment."""

    at: datetime
    tasks: Sequence[TaskView]
    nodes: Sequence[NodeView]
    usage: UsageView
    manager: str


class Row(NamedTuple):
    """One line. `order` has a value per column to sort by; `task` is for whom logs and a shell are asked."""

    key: str
    cells: tuple[str, ...]
    order: tuple[str | float, ...]
    state: str
    task: str = ""


def header(look: Look, stale: str = "") -> str:
    """The cluster in one line; `stale` says why this is not how it stands now."""
    line = overview(visible(look.tasks), look.nodes, look.manager)
    silent = f" | no usage from {', '.join(look.usage.silent)}" if look.usage.silent else ""
    since = f" | STALE since {look.at.astimezone():%H:%M:%S}: {stale}" if stale else ""
    return one_line(line + silent + since)


def slot_rows(look: Look) -> list[Row]:
    """A row for each slot that is there, and for each that has no place."""
    used = {one.id: one for one in look.usage.allocations}
    rows: list[Row] = []
    for task in visible(look.tasks):
        rows += [_slot_row(a, task, used.get(a.id), look.at) for a in present(task.allocations)]
        rows += [
            _row(f"{task.id}.{slot.slot}", (slot.name, "waiting", "-", "-", "-", "-", "-", "-",
                 slot.reason), (slot.name, "waiting", "", -1.0, -1.0, -1.0, 0.0, "", slot.reason),
                 "waiting", task.name)
            for slot in task.waiting
        ]  # fmt: skip
    return rows


def node_rows(look: Look) -> list[Row]:
    """A row for each machine."""
    return [_node_row(node) for node in look.nodes]


def chosen(rows: Iterable[Row], typed: str, column: int, *, downwards: bool) -> list[Row]:
    """Return the rows that have every typed word somewhere, `!word` nowhere, in the order of a column."""
    words = typed.lower().split()
    fitting = [row for row in rows if all(_fits(row, word) for word in words)]
    fitting.sort(key=lambda row: row.order[0])  # equals stay in the order of their names
    return sorted(fitting, key=lambda row: row.order[column], reverse=downwards)


def _fits(row: Row, word: str) -> bool:
    text = " ".join(row.cells).lower()
    return word[1:] not in text if word.startswith("!") and word[1:] else word in text


def _slot_row(
    a: AllocationView, task: TaskView, used: AllocationUsageView | None, now: datetime
) -> Row:
    word = phase_word(a)
    state = str(a.health) if word == "running" and a.health not in ("none", "healthy") else word
    cpu = cores(used.cpu_millis) if used else "-"
    memory = size(used.memory_bytes) if used else "-"
    lived = (now - a.started_at).total_seconds() if a.started_at else 0.0
    cells = (
        a.name, state, a.node, cpu, memory, str(a.restarts), age(a.started_at, now),
        exit_text(a), a.reason,
    )  # fmt: skip
    order = (
        a.name, state, a.node, used.cpu_millis if used else -1.0,
        used.memory_bytes if used else -1.0, a.restarts, lived, exit_text(a), a.reason,
    )  # fmt: skip
    return _row(a.id, cells, order, state, task.name)


def _node_row(node: NodeView) -> Row:
    word, used, there = node_word(node), node.usage, node.capacity
    cpu = f"{cores(used.cpu_millis)}/{cores(there.cpu_millis)}" if used else "-"
    memory = f"{size(used.memory_bytes)} of {size(there.memory_bytes)}" if used else "-"
    held = f"{cores(node.reserved.cpu_millis)} cores, {size(node.reserved.memory_bytes)}"
    reason = node.quarantine or node.runtime_error
    return _row(
        node.id,
        (node.name, word, cpu, memory, held, str(node.allocations), reason),
        (
            node.name,
            word,
            used.cpu_millis if used else -1.0,
            used.memory_bytes if used else -1.0,
            node.reserved.memory_bytes,
            node.allocations,
            reason,
        ),
        word,
    )


def _row(
    key: str, cells: tuple[str, ...], order: tuple[str | float, ...], state: str, task: str = ""
) -> Row:
    signed = (cells[0], f"{sign(state)[0]} {cells[1]}", *cells[2:])
    return Row(key, tuple(map(one_line, signed)), order, state, task)
