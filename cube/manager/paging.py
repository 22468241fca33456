"""Lists in pages, and what to leave out of them: the same words for tasks, nodes and events.

A page is cut by place in a lasting order, so what comes or goes between two pages shifts nothing: each thing that is
there all the time is shown exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import TypeVar

from cube.errors import InvalidInput, Objection
from cube.manager.intake import Query
from cube.model.event import TaskEvent

NEXT_CURSOR = "X-Next-Cursor"

Item = TypeVar("Item")
Place = tuple[int | str, str]
"""Where something stands: first by its age or name, then by its id."""


def page(
    items: Iterable[Item], limit: int, after: Place | None, place: Callable[[Item], Place]
) -> tuple[list[Item], dict[str, str]]:
    """Return the first `limit` items behind `after`, in order, and the header that leads to the next ones."""
    rest = items if after is None else (item for item in items if place(item) > after)
    found = nsmallest(limit + 1, rest, key=place)
    if len(found) <= limit:
        return found, {}
    first, id = place(found[limit - 1])
    return found[:limit], {NEXT_CURSOR: f"{first}.{id}"}


def cursor(query: Query, *, numbered: bool) -> Place | None:
    """Return the place in `?cursor=`; None: from the beginning. InvalidInput when it never was one.

    `numbered`: the place begins with a number.
    """
    if (text := query.text("cursor")) is None:
        return None
    first, dot, id = text.rpartition(".")
    if not dot or len(text) > 512 or (numbered and not _is_number(first)):
        raise InvalidInput((Objection("?cursor", "is none that was given out"),))
    return (int(first) if numbered else first), id


def revision_cursor(query: Query) -> int | None:
    """Return the revision to go on behind: `?cursor=`, or `?after=` which means the same."""
    return query.integer("cursor") if query.text("cursor") else query.integer("after")


def next_revision(events: Sequence[TaskEvent], limit: int) -> dict[str, str]:
    """Return the header that leads to newer events; it is there when the page is full."""
    return {NEXT_CURSOR: str(events[-1].revision)} if events and len(events) >= limit else {}


def named(query: Query) -> Callable[[str], bool]:
    """Return what tells the names asked for by `?name=` from others; `*` stands for any characters."""
    if (text := query.text("name")) is None:
        return lambda _: True
    parts = text.split("*")
    return lambda name: _fits(name, parts)


def labelled(query: Query) -> Callable[[Mapping[str, str]], bool]:
    """Return what tells the labels asked for by `?label=NAME` or `NAME=VALUE` from others."""
    if (text := query.text("label")) is None:
        return lambda _: True
    name, given, value = text.partition("=")
    return lambda labels: name in labels and (not given or labels[name] == value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16


def _fits(name: str, parts: Sequence[str]) -> bool:
    """Whether the name is these parts with anything between them. Takes the leftmost of each: no way back is needed."""
    if len(parts) == 1:
        return name == parts[0]
    if not name.startswith(parts[0]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - at >= len(parts[-1]) and name.endswith(parts[-1])
