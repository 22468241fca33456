"""One node on a page: what it is, what is used and promised of it, what runs there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from cube.cli.tables import (
    Cell,
    Table,
    allocation_table,
    event_table,
    extras_text,
    labels_text,
    node_word,
    present,
)
from cube.cli.task_page import RECENT_EVENTS, fact_lines
from cube.cli.words import age, cores, size, span
from cube.model.node import Availability
from cube.wire.views import EventView, NodeView, TaskView

BAR = 20  # characters: a twentieth is as exact as an eye is


def node_page(
    node: NodeView, tasks: Sequence[TaskView], events: Sequence[EventView], now: datetime
) -> Iterator[list[str] | Table]:
    """Yield the parts of the page, from top to bottom. `tasks` are those with something there."""
    here = [a for task in tasks for a in present(task.allocations) if a.node_id == node.id]
    images = Counter(
        task.image
        for task in tasks
        for a in present(task.allocations)
        if a.node_id == node.id and a.phase in ("running", "stopping")
    )
    yield fact_lines(_facts(node, images, now))
    yield room_table(node)
    if here:
        yield allocation_table(here, now)
    if events:
        yield event_table(events[-RECENT_EVENTS:], now)


def room_table(node: NodeView) -> Table:
    """What is used, reserved and there, of each resource. `#` is used, `=` reserved beyond that, `.` neither."""
    capacity, reserved, used = node.capacity, node.reserved, node.usage
    known = used is not None
    rows = [
        _room(
            "cpu", used.cpu_millis if used else 0, reserved.cpu_millis, capacity.cpu_millis, known
        ),
        _room(
            "memory",
            used.memory_bytes if used else 0,
            reserved.memory_bytes,
            capacity.memory_bytes,
            known,
        ),
        _room(
            "disk", used.disk_bytes if used else 0, reserved.disk_bytes, capacity.disk_bytes, known
        ),
    ]
    return Table(("ROOM", "USED", "RESERVED", "CAPACITY", "#USED =RESERVED"), rows)


def bar(used: int, reserved: int, capacity: int, length: int = BAR) -> str:
    """Return the shares of a capacity as a bar. What is there at all fills at least one place."""
    if capacity <= 0:
        return ""
    filled = min(length, -(-used * length // capacity))
    promised = min(length, -(-reserved * length // capacity))
    return "#" * filled + "=" * max(0, promised - filled) + "." * (length - max(filled, promised))


def _room(name: str, used: int, reserved: int, capacity: int, known: bool) -> tuple[Cell, ...]:
    words = cores if name == "cpu" else size
    shown = (words(used) if known else "-", words(reserved), words(capacity))
    return (Cell(name), *map(Cell, shown), Cell(bar(used, reserved, capacity)))


def _facts(node: NodeView, images: Counter[str], now: datetime) -> dict[str, str]:
    heard = "not since the manager started"
    if node.heard_ms_ago is not None:
        heard = f"{span(node.heard_ms_ago)} ago"
    allowed = "" if node.availability is Availability.ACTIVE else f", {node.availability}"
    state = node_word(node)
    return {
        "name": node.name,
        "id": node.id,
        "state": state if allowed.endswith(state) else f"{state}{allowed}",
        "reason": node.quarantine or node.runtime_error,
        "heard": heard + ("" if node.connected else ", not connected"),
        "address": node.address,
        "platform": node.platform,
        "engine": f"{node.runtime} {node.engine_version}".strip(),
        "cube": node.cube_version,
        "load": f"{node.usage.load_1m:g}" if node.usage else "",
        "extras": extras_text(node.extras, node.extras_reserved_millis),
        "labels": labels_text(node.labels),
        "images": ", ".join(f"{image} ({count})" for image, count in sorted(images.items())),
        "joined": f"{node.joined_at:%Y-%m-%d %H:%M:%S} UTC, {age(node.joined_at, now)} ago",
    }
