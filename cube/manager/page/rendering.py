"""The first sight of the page as HTML: the same tables that the scripts keep up to date, for who has them off.

Whatever comes from the cluster is escaped here, in one place, and is never part of an attribute that a browser acts
upon: names stand in paths only after they were quoted for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from html import escape
from urllib.parse import quote

import msgspec

from cube.model.concern import Concern, Subject
from cube.model.node import Availability, Condition
from cube.model.task import Goal, TaskState
from cube.wire.routes import NODES, TASKS
from cube.wire.views import EventView, NodeView, TaskView
from cube.wire.watch import AttentionView

SIGNS = {
    "running": "●", "ready": "●", "scheduled": "◐", "stopping": "◌", "cordoned": "◌", "draining": "◌",
    "pending": "○", "suspect": "!", "failed": "✗", "lost": "✗", "quarantined": "✗", "engine away": "✗",
    "completed": "✓", "stopped": "■", "error": "✗", "warning": "!", "notice": "◌",
}  # fmt: skip
"""A sign beside each word of a state: colour alone tells nothing to many people."""

_MARK = re.compile(r"<!--([a-z]+)-->")


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of the cluster at one moment. Of very many tasks those that most need to be seen."""

    at: datetime
    revision: int
    attention: AttentionView
    nodes: tuple[NodeView, ...]
    tasks: tuple[TaskView, ...]
    left_out: int  # tasks that are not in `tasks`
    events: tuple[EventView, ...]  # the newest first


def fill(frame: str, parts: dict[str, str]) -> str:
    """Return the frame with each comment of one word replaced by that part, or by nothing."""
    return _MARK.sub(lambda mark: parts.get(mark[1], ""), frame)


def drawn(sight: Sight) -> dict[str, str]:
    """Return the parts that show it, by the names of their places in the frame."""
    more = f"{sight.left_out} more tasks: /task shows them all." if sight.left_out else ""
    return {
        "asof": f"as of {sight.at:%Y-%m-%d %H:%M:%S} UTC, revision {sight.revision}",
        "attention": "".join(map(_concern, sight.attention.concerns)),
        "nodes": "".join(map(_node, sight.nodes)),
        "tasks": "".join(map(_task, sight.tasks)),
        "more": more,
        "events": "".join(map(_event, sight.events)),
    }


def task_word(task: TaskView) -> str:
    """Return the state in the word that people see: one of the five, or what became of the wish to stop it."""
    if task.goal is Goal.STOP:
        return "stopped" if task.state is TaskState.COMPLETED else "stopping"
    return str(task.state)


def node_word(node: NodeView) -> str:
    """Return the node's state in one word or two, the worst news first."""
    if node.quarantine:
        return "quarantined"
    if node.condition is not Condition.READY:
        return str(node.condition)
    if node.runtime_error:
        return "engine away"
    return "ready" if node.availability is Availability.ACTIVE else str(node.availability)


def _concern(concern: Concern) -> str:
    subject = _text(concern.name or "manager")
    if concern.subject is not Subject.MANAGER:
        root = (NODES if concern.subject is Subject.NODE else TASKS)[0]
        subject = _link(root, concern.id, concern.name)
    severity = str(concern.severity)
    return (
        f'<li class="concern {severity}">{_state(severity, concern.code.replace("_", " "))} '
        f"<b>{subject}</b> "
        f"<span>{_text(concern.reason)}</span></li>"
    )


def _node(node: NodeView) -> str:
    reserved, capacity = node.reserved, node.capacity
    cells = (
        _state(node_word(node)),
        f"{_cores(reserved.cpu_millis)} of {_cores(capacity.cpu_millis)} cores",
        f"{_size(reserved.memory_bytes)} of {_size(capacity.memory_bytes)}",
        str(node.allocations),
        _text(f"{node.runtime} {node.engine_version}".strip()),
        _text(node.quarantine or node.runtime_error or _labels(node.labels)),
    )
    kinds = ("", "", "", "number", "wide", "wide labels")
    return _row(_link(NODES[0], node.id, node.name), zip(kinds, cells, strict=True))


def _task(task: TaskView) -> str:
    cells = (
        _state(task_word(task)),
        f"{task.ready}/{task.replicas}",
        str(task.restarts),
        _text(", ".join(sorted({one.node for one in task.allocations}))),
        _text(task.image),
        f"{task.created_at:%m-%d %H:%M}",
        _text(task.reason),
    )
    kinds = ("", "number", "number wide", "mid", "wide", "mid", "reason")
    return _row(_link(TASKS[0], task.id, task.name), zip(kinds, cells, strict=True))


def _event(event: EventView) -> str:
    subject = f"{event.task}.{event.slot}" if event.task and event.slot else event.task or ""
    about = " on ".join(filter(None, (subject, event.node)))
    return (
        f'<li class="event"><time>{event.at:%H:%M:%S}</time> <div><b>{_text(about)}</b> '
        f'<span class="kind">{event.kind}</span><p>{_text(event.message)}</p></div></li>'
    )


def _row(head: str, cells: Iterable[tuple[str, str]]) -> str:
    """Return a row of a table; each cell comes with its class, as in the heading."""
    told = "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells)
    return f'<tr><th scope="row">{head}</th>{told}</tr>'


def _link(root: str, id: str, name: str) -> str:
    return f'<a href="{root}/{quote(id, safe="")}">{_text(name)}</a>'


def _state(word: str, said: str = "") -> str:
    """Return the sign and the word of a state; `said` is what is said of it instead of the word."""
    kind = word.replace(" ", "-")
    sign = f'<i aria-hidden="true">{SIGNS.get(word, "?")}</i>'
    return f'<span class="state {kind}">{sign} {_text(said or word)}</span>'


def _text(text: str) -> str:
    return escape(text, quote=True)


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _cores(millis: int) -> str:
    return f"{millis / 1000:.2f}".rstrip("0").rstrip(".")


def _size(amount: int) -> str:
    value, units = float(amount), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while value >= 1024 and unit != "TiB":
        value, unit = value / 1024, next(units)
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"
