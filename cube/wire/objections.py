"""Saying what is wrong with an input: where, what, and never more of it than can safely be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeGuard, TypeVar

from cube.errors import InvalidInput, Objection

T = TypeVar("T")

Reader = Callable[[object, str], T]
"""Makes a typed value of a plain one found at a path, or raises InvalidInput with paths below that one."""

MAX_OBJECTIONS = 50
"""More than anybody mends in one go; a hostile input must not cost more to refuse than to read."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}")
_SHOWN_CHARACTERS = 60


def at(path: str, step: str | int) -> str:
    """Return the path one step further down: `ports[0]`, `env.HOME`, `env["a b"]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if _PLAIN_KEY.fullmatch(step):
        return f"{path}.{step}" if path else step
    return f"{path}[{shown(step)}]"


def shown(value: object) -> str:
    """Return the value as a person may see it in a message: JSON in ASCII, cut to a line's length."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        cut = value[: _SHOWN_CHARACTERS + 1]
        quoted = json.dumps(cut[:_SHOWN_CHARACTERS]).replace("\x7f", "\\u007f")
        return f"{quoted}..." if len(cut) > _SHOWN_CHARACTERS else quoted
    return str(value)[:_SHOWN_CHARACTERS] if value is not None else "nothing"


def is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a plain value is a mapping. No format read here has other keys than text."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a plain value is a list."""
    return isinstance(value, list)


def wrong(path: str, message: str) -> InvalidInput:
    """Return the error with this one objection, to be raised."""
    return InvalidInput((Objection(path, message),))


class Objections:
    """Gathers what several readings object to, so that a person is told everything at once."""

    def __init__(self) -> None:
        self._found: list[Objection] = []

    @property
    def full(self) -> bool:
        """Whether more would not be told anyway."""
        return len(self._found) >= MAX_OBJECTIONS

    def add(self, path: str, message: str) -> None:
        """Object to what is at the path."""
        self._found.append(Objection(path, message))

    def read(self, reader: Reader[T], value: object, path: str) -> T | None:
        """Return what the reader makes of the value, or None after noting its objections."""
        try:
            return reader(value, path)
        except InvalidInput as refusal:
            self._found.extend(refusal.objections)
            return None

    def raise_any(self) -> None:
        """Raise all that were gathered, in their order; return when there are none."""
        if not self._found:
            return
        told = self._found[:MAX_OBJECTIONS]
        if len(self._found) > MAX_OBJECTIONS:
            told.append(Objection("", "and more; mend these first"))
        raise InvalidInput(tuple(told))
