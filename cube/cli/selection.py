"""Which tasks and nodes a listing shows: by name pattern, state and label. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from cube.cli.tables import node_word, state_word
from cube.cli.words import SIGNS
from cube.errors import InvalidInput, Objection
from cube.wire.views import NodeView, TaskView

TASK_STATES = ("pending", "scheduled", "running", "completed", "failed", "stopping", "stopped")
UNREADY = "unready"  # a task that is to run and has fewer replicas ready than it should
NODE_STATES = (
    "ready", "suspect", "lost", "quarantined", "runtime down", "cordoned", "draining"
)  # fmt: skip
assert {*TASK_STATES, *NODE_STATES} <= SIGNS.keys()


def is_pattern(text: str) -> bool:
    """Whether it stands for any number of names: `web*`."""
    return any(mark in text for mark in "*?[")


def states_option(flag: str, texts: Iterable[str], known: Sequence[str]) -> frozenset[str]:
    """Read `failed,pending`, repeated. InvalidInput names what is no state."""
    given = [word.strip().lower() for text in texts for word in text.split(",") if word.strip()]
    wrong = [word for word in given if word not in known]
    if wrong:
        raise InvalidInput(tuple(Objection(flag, _no_state(word, known)) for word in wrong))
    return frozenset(given)


def select_tasks(
    tasks: Iterable[TaskView],
    *,
    names: Sequence[str] = (),
    states: frozenset[str] = frozenset(),
    labels: Sequence[str] = (),
) -> list[TaskView]:
    """Return those that fit one of the names, one of the states and all of the labels. None given: any fits."""
    return [
        task
        for task in tasks
        if (not names or _named(task.name, task.id, names))
        and (not states or states & _states_of(task))
        and all(_labelled(task.spec.labels, label) for label in labels)
    ]


def unmatched(names: Iterable[str], things: Sequence[TaskView | NodeView]) -> list[str]:
    """Return the names that stand for one thing and for none of these. A pattern may fit nothing."""
    known = {one.name for one in things} | {one.id for one in things}
    return [name for name in names if not is_pattern(name) and name not in known]


def select_nodes(
    nodes: Iterable[NodeView],
    *,
    names: Sequence[str] = (),
    states: frozenset[str] = frozenset(),
    labels: Sequence[str] = (),
) -> list[NodeView]:
    """Likewise for nodes."""
    return [
        node
        for node in nodes
        if (not names or _named(node.name, node.id, names))
        and (not states or node_word(node) in states)
        and all(_labelled(node.labels, label) for label in labels)
    ]


def _named(name: str, id: str, wanted: Sequence[str]) -> bool:
    return any(fnmatchcase(name, one) or id == one or name == one for one in wanted)


def _states_of(task: TaskView) -> set[str]:
    word = state_word(task)
    unready = word in ("pending", "scheduled", "running", "failed") and task.ready < task.replicas
    return {word, UNREADY} if unready else {word}


def _labelled(labels: dict[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _no_state(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"{word!r} is none of {', '.join(known)}{meant}"
