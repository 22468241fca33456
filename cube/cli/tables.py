"""From views to rows. Pure: whether they are drawn, aligned or coloured is decided by `output`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from cube.cli import words
from cube.core.words import plural
from cube.model.allocation import PortBinding
from cube.model.extras import DEVICE
from cube.model.node import Availability, Condition
from cube.model.task import Goal, TaskState
from cube.wire.placement_views import MoveView
from cube.wire.views import AllocationView, EventView, NodeView, TaskView


class Cell(NamedTuple):
    """One field: its text, and the state that gives it a sign and a colour (empty: neither)."""

    text: str
    state: str = ""


class Table(NamedTuple):
    """A heading and its rows, all of one length."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def without(self, column: str) -> Table:
        """Return it without the column of that name."""
        index = self.columns.index(column)
        rows = [row[:index] + row[index + 1 :] for row in self.rows]
        return Table(self.columns[:index] + self.columns[index + 1 :], rows)


def task_table(tasks: Iterable[TaskView], now: datetime, *, wide: bool = False) -> Table:
    """One row per task, what is wrong first."""
    columns: tuple[str, ...] = (
        "NAME",
        "STATE",
        "READY",
        "RESTARTS",
        "NODE",
        "IMAGE",
        "AGE",
        "REASON",
    )
    if wide:
        columns = ("ID", *columns[:-1], "REVISION", "PORTS", "REASON")
    rows = []
    for task in sorted(tasks, key=_urgency):
        cells = [
            Cell(task.name),
            _state_cell(state_word(task)),
            Cell(f"{task.ready}/{task.replicas}"),
            Cell(str(task.restarts)),
            Cell(_places(task.allocations)),
            Cell(task.image),
            Cell(words.age(task.created_at, now)),
            Cell(task.reason),
        ]
        if wide:
            ports = " ".join(port_text(a) for a in present(task.allocations) if a.ports)
            cells = [Cell(task.id), *cells[:-1], Cell(str(task.revision)), Cell(ports), cells[-1]]
        rows.append(tuple(cells))
    return Table(columns, rows)


SLOT_COLUMNS = ("SLOT", "STATE", "HEALTH", "NODE", "RESTARTS", "STARTED", "PORTS", "EXIT", "REASON")


def slot_table(task: TaskView, now: datetime) -> Table:
    """One row per slot of one task: its allocations, or why it has none."""
    slots = [(slot.slot, _waiting_row(slot.name, slot.reason)) for slot in task.waiting]
    slots += [(a.slot, _allocation_row(a, now)) for a in task.allocations]
    return Table(SLOT_COLUMNS, [row for _, row in sorted(slots, key=lambda pair: pair[0])])


def allocation_table(allocations: Iterable[AllocationView], now: datetime) -> Table:
    """One row per allocation, whatever task it is of."""
    rows = [_allocation_row(a, now) for a in sorted(allocations, key=lambda a: a.name)]
    return Table(SLOT_COLUMNS, rows)


def node_table(nodes: Iterable[NodeView], *, wide: bool = False) -> Table:
    """One row per machine."""
    columns: tuple[str, ...] = (
        "NAME",
        "STATE",
        "CPU",
        "MEMORY",
        "SLOTS",
        "HEARD",
        "ENGINE",
        "LABELS",
        "REASON",
    )
    if wide:
        columns = ("ID", *columns[:-1], "EXTRAS", "ADDRESS", "PLATFORM", "VERSION", "REASON")
    rows = []
    for node in sorted(nodes, key=lambda n: n.name):
        heard = "-" if node.heard_ms_ago is None else words.duration(node.heard_ms_ago / 1000)
        reserved, capacity = node.reserved, node.capacity
        cells = [
            Cell(node.name),
            _state_cell(node_word(node)),
            Cell(f"{words.cores(reserved.cpu_millis)}/{words.cores(capacity.cpu_millis)}"),
            Cell(f"{words.size(reserved.memory_bytes)} of {words.size(capacity.memory_bytes)}"),
            Cell(str(node.allocations)),
            Cell(heard),
            Cell(f"{node.runtime} {node.engine_version}".strip()),
            Cell(labels_text(node.labels)),
            Cell(node.quarantine or node.runtime_error),
        ]
        if wide:
            extras = extras_text(node.extras, node.extras_reserved_millis)
            extra = (extras or "-", node.address or "-", node.platform, node.cube_version)
            cells = [Cell(node.id), *cells[:-1], *map(Cell, extra), cells[-1]]
        rows.append(tuple(cells))
    return Table(columns, rows)


def move_table(moves: Iterable[MoveView]) -> Table:
    """One row per move, in the order in which they are made."""
    rows = [
        tuple(map(Cell, (one.name, one.origin, one.target, f"{one.gain:.3g}", one.reason)))
        for one in moves
    ]
    return Table(("SLOT", "FROM", "TO", "GAIN", "REASON"), rows)


def event_table(events: Iterable[EventView], now: datetime | None = None) -> Table:
    """One row per event, as they come. With `now` those of that day are told by the time alone."""
    rows = [tuple(map(Cell, event_fields(event))) for event in events]
    if now is not None:
        today = f"{now.astimezone():%Y-%m-%d} "
        rows = [(Cell(row[0].text.removeprefix(today)), *row[1:]) for row in rows]
    return Table(("TIME", "EVENT", "SUBJECT", "MESSAGE"), rows)


def event_fields(event: EventView) -> tuple[str, str, str, str]:
    """When, what, of whom, and why."""
    at = (
        event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S.") + f"{event.at.microsecond // 1000:03d}"
    )
    return at, str(event.kind), subject(event), event.message


def subject(event: EventView) -> str:
    """Whom an event is about: `web.2 on w1`, `web`, `w1`."""
    name = event.task or event.task_id or ""
    if name and event.slot:
        name = f"{name}.{event.slot}"
    node = event.node or event.node_id or ""
    return f"{name} on {node}" if name and node else name or node or "-"


def state_word(task: TaskView) -> str:
    """The state people see: one of the five, or what became of the wish to stop it."""
    if task.goal is Goal.STOP:
        return "stopped" if task.state is TaskState.COMPLETED else "stopping"
    return str(task.state)


def phase_word(allocation: AllocationView) -> str:
    """How far it has come; one that has to go is stopping until it is gone."""
    if allocation.wanted == "remove" and allocation.phase not in ("removed", "lost"):
        return "stopping"
    return allocation.phase


def node_word(node: NodeView) -> str:
    """A node's state in one word, the worst news first."""
    if node.quarantine:
        return "quarantined"
    if node.condition is not Condition.READY:
        return str(node.condition)
    if node.runtime_error:
        return "runtime down"
    return "ready" if node.availability is Availability.ACTIVE else str(node.availability)


def present(allocations: Iterable[AllocationView]) -> list[AllocationView]:
    """Those of which something is left on a node that answers."""
    return [a for a in allocations if a.phase not in ("removed", "lost")]


def visible(tasks: Sequence[TaskView]) -> list[TaskView]:
    """Without what is over: stopped tasks, and those a later one of the same name has replaced."""
    latest: dict[str, datetime] = {}
    for task in tasks:
        latest[task.name] = max(task.created_at, latest.get(task.name, task.created_at))
    return [
        task
        for task in tasks
        if state_word(task) != "stopped"
        and (task.created_at == latest[task.name] or task.state is TaskState.RUNNING)
    ]


def port_text(allocation: AllocationView) -> str:
    """Where its ports can be reached: `0.0.0.0:49153->80/tcp`."""
    return ", ".join(map(_binding_text, allocation.ports))


def labels_text(labels: dict[str, str]) -> str:
    """Labels as they are written on a command line."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def extras_text(extras: dict[str, int], reserved_millis: dict[str, int]) -> str:
    """How much of which devices is reserved: `gpu 1.5/8`."""
    kinds = sorted({*extras, *reserved_millis})
    return ", ".join(
        f"{kind} {reserved_millis.get(kind, 0) / DEVICE:g}/{extras.get(kind, 0)}" for kind in kinds
    )


def extras_words(millis: dict[str, int]) -> str:
    """How much of which devices: `1.5 gpu`."""
    return ", ".join(f"{amount / DEVICE:g} {kind}" for kind, amount in sorted(millis.items()))


def overview(tasks: Sequence[TaskView], nodes: Sequence[NodeView], manager: str) -> str:
    """The cluster in one line."""
    ready = sum(node_word(node) == "ready" for node in nodes)
    counts: dict[str, int] = {}
    for task in sorted(tasks, key=_urgency):
        counts[state_word(task)] = counts.get(state_word(task), 0) + 1
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    told = f"{plural(len(tasks), 'task')}: {parts}" if parts else "no tasks"
    lasting = [t for t in tasks if state_word(t) not in ("completed", "stopping", "stopped")]
    wanted = sum(task.replicas for task in lasting)
    replicas = f" | replicas {sum(task.ready for task in lasting)}/{wanted} ready" if wanted else ""
    return f"manager {manager} | nodes {ready}/{len(nodes)} ready | {told}{replicas}"


_RANK = {"failed": 0, "pending": 1, "scheduled": 2, "stopping": 4, "running": 5, "completed": 6}


def _urgency(task: TaskView) -> tuple[int, str]:
    word = state_word(task)
    if word == "running" and task.ready < task.replicas:
        return 3, task.name
    return _RANK.get(word, 7), task.name


def _places(allocations: Iterable[AllocationView]) -> str:
    names = sorted({a.node for a in present(allocations)})
    if len(names) > 3:  # the detail view has them all
        return f"{','.join(names[:3])},+{len(names) - 3}"
    return ",".join(names) or "-"


def _state_cell(word: str) -> Cell:
    return Cell(word, word)


def _waiting_row(name: str, reason: str) -> tuple[Cell, ...]:
    blank = Cell("-")
    return (Cell(name), _state_cell("waiting"), *(blank,) * 6, Cell(reason))


def _allocation_row(allocation: AllocationView, now: datetime) -> tuple[Cell, ...]:
    word = str(allocation.health)
    return (
        Cell(allocation.name),
        _state_cell(phase_word(allocation)),
        Cell("-") if word == "none" else _state_cell(word),
        Cell(allocation.node),
        Cell(str(allocation.restarts)),
        Cell(words.age(allocation.started_at, now)),
        Cell(port_text(allocation) or "-"),
        Cell(exit_text(allocation)),
        Cell(allocation.reason),
    )


def exit_text(allocation: AllocationView) -> str:
    """How its last run ended: `137 out of memory`, `143 SIGTERM`, `1`."""
    exit = allocation.exit
    if exit is None:
        return "-"
    why = "out of memory" if exit.out_of_memory else exit.signal or ""
    return f"{exit.code} {why}".strip()


def _binding_text(binding: PortBinding) -> str:
    host = f"[{binding.host_ip}]" if ":" in binding.host_ip else binding.host_ip
    return f"{host}:{binding.host_port}->{binding.container_port}/{binding.protocol}"
