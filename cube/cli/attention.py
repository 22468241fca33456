"""What is wrong in a cluster, the worst first, each with its reason. Pure, and empty where all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from cube.cli.tables import Cell, Table, exit_text, node_word, phase_word, state_word
from cube.cli.words import duration, size
from cube.core.words import plural
from cube.model.allocation import Health
from cube.model.node import Availability
from cube.wire.views import NodeView, TaskView

SHOWN = 10  # more than that is not read; the filters of `cube status` show the rest
SLOW_START = timedelta(seconds=30)  # a start is no trouble before; a pull tells its progress anyway
CRASHING = 3  # restarts, the latest of them just now: it runs, and will not for long
JUST_NOW = timedelta(seconds=60)  # as long as a run takes to count as stable
FULL = 0.9  # of a disk: images and logs have little room left


class Trouble(NamedTuple):
    """One thing that is wrong. `rank`: the smaller, the worse."""

    rank: int
    subject: str
    state: str
    reason: str


def troubles(
    tasks: Iterable[TaskView], nodes: Sequence[NodeView], now: datetime, *, recovering: str = ""
) -> list[Trouble]:
    """Return what is wrong, the worst first."""
    found = [Trouble(0, "manager", "recovering", recovering)] if recovering else []
    for node in nodes:
        found += _of_node(node)
    found += _of_versions(nodes)
    for task in tasks:
        found += _of_task(task, now)
    return sorted(found)


def attention_table(found: Sequence[Trouble]) -> Table:
    """One row for each of the worst."""
    shown = found[:SHOWN]
    rows: list[tuple[Cell, ...]] = [
        (Cell(one.subject), Cell(one.state, one.state), Cell(one.reason)) for one in shown
    ]
    if left := len(found) - len(shown):
        rows.append((Cell(f"and {left} more"), Cell(""), Cell("")))
    return Table(("ATTENTION", "STATE", "REASON"), rows)


def without_told(found: Sequence[Trouble], tasks: Iterable[TaskView]) -> list[TaskView]:
    """Return the tasks without the reasons that are shown among the troubles: nobody reads them twice."""
    told = {(one.subject, one.reason) for one in found[:SHOWN]}
    return [
        replace(task, reason="") if (f"task {task.name}", task.reason) in told else task
        for task in tasks
    ]


def _of_node(node: NodeView) -> Iterator[Trouble]:
    subject, word = f"node {node.name}", node_word(node)
    held = plural(node.allocations, "replica")
    heard = f"not heard for {duration(node.heard_ms_ago / 1000)}" if node.heard_ms_ago else ""
    match word:
        case "lost":
            yield Trouble(1, subject, word, heard or "not heard since the manager started")
        case "quarantined":
            yield Trouble(1, subject, word, node.quarantine)
        case "runtime down":
            yield Trouble(1, subject, word, f"{node.runtime_error}; {held} there")
        case "suspect":
            yield Trouble(4, subject, word, heard)
        case "draining" if node.allocations:
            yield Trouble(7, subject, word, f"{held} to move away")
        case "draining" | "cordoned":
            yield Trouble(8, subject, word, "nothing is placed there")
    if node.usage and node.usage.disk_bytes > FULL * node.capacity.disk_bytes > 0:
        left = max(0, node.capacity.disk_bytes - node.usage.disk_bytes)
        yield Trouble(5, subject, "disk full", f"{size(left)} left for images and containers")


def _of_versions(nodes: Sequence[NodeView]) -> Iterator[Trouble]:
    """The nodes that run another version than most do."""
    counted = Counter(node.cube_version for node in nodes if node.cube_version)
    if len(counted) < 2:
        return
    usual = counted.most_common(1)[0][0]
    for node in nodes:
        if node.cube_version not in ("", usual) and node.availability is Availability.ACTIVE:
            yield Trouble(
                6, f"node {node.name}", "skew", f"cube {node.cube_version}, others {usual}"
            )


def _of_task(task: TaskView, now: datetime) -> Iterator[Trouble]:
    word, subject = state_word(task), f"task {task.name}"
    reason = task.reason or f"{task.ready} of {task.replicas} ready"
    if word in ("failed", "pending"):
        yield Trouble(2 if word == "failed" else 3, subject, word, reason)
    elif word == "stopping" and _stuck(task):
        yield Trouble(5, subject, word, reason)
    elif word == "running" and task.ready < task.replicas:
        yield Trouble(3, subject, _worst_word(task), reason)
    elif word == "scheduled" and (now - task.changed_at > SLOW_START or _fails(task)):
        yield Trouble(4, subject, _worst_word(task), reason)
    elif crashes := _crashes(task, now):
        yield Trouble(4, subject, "restarting", crashes)


def _worst_word(task: TaskView) -> str:
    """What the slot does that is not ready; its health where it runs."""
    for one in task.allocations:
        if not one.ready and phase_word(one) not in ("completed", "removed", "lost"):
            if phase_word(one) != "running":
                return phase_word(one)
            return str(one.health) if one.health is not Health.NONE else "unready"
    return "waiting" if task.waiting else state_word(task)


def _fails(task: TaskView) -> bool:
    return any(one.restarts or one.failure or one.phase == "exited" for one in task.allocations)


def _stuck(task: TaskView) -> bool:
    return any(one.failure is not None for one in task.allocations if phase_word(one) == "stopping")


def _crashes(task: TaskView, now: datetime) -> str:
    """How a replica that runs just now has kept ending; empty where none has."""
    for one in task.allocations:
        just_started = one.started_at is not None and now - one.started_at < JUST_NOW
        if one.restarts >= CRASHING and just_started:
            return f"{one.name}: {plural(one.restarts, 'restart')}, last exit {exit_text(one)}"
    return ""
