"""Readers of plain values: each makes one typed value, or says where and what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from cube.wire.objections import Objections, Reader, at, is_list, is_mapping, shown, wrong
from cube.wire.strict import WrittenFloat

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Field(NamedTuple):
    """A key a mapping may have: the name its value gets (empty: it gets none), and the reader of the value."""

    target: str
    read: Reader[Any]


class Table:
    """The keys one kind of mapping may have. Two keys with one target are two ways to say the same.

    `hints` says of keys known to be wrong here, folded, what to do instead. In a `folded` table neither case nor
    underscores of a key count.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        hints: Mapping[str, str] | None = None,
        *,
        folded: bool = False,
    ) -> None:
        self._fields = {fold(name): field for name, field in fields.items()} if folded else fields
        self._names_by_fold = {fold(name): name for name in fields}
        self._hints = hints or {}
        self._folded = folded

    def field(self, key: str) -> Field | None:
        """Return the field of the key; None when there is no such key."""
        return self._fields.get(fold(key) if self._folded else key)

    def advise(self, key: str) -> str:
        """Return what to do about a key that does not exist."""
        folded = fold(key[:_LONGEST_KEY])
        if hint := self._hints.get(folded):
            return hint
        # The likeness of a long key to every name would cost more than reading the document.
        if len(key) <= _LONGEST_KEY:
            near = difflib.get_close_matches(folded, self._names_by_fold, n=1)
            if near:
                return f"did you mean `{self._names_by_fold[near[0]]}`?"
        names = list(self._names_by_fold.values())
        return f"use {_one_of(names)}" if len(names) <= _FEW_NAMES else "remove it"


_LONGEST_KEY = 40
_FEW_NAMES = 12


def read_fields(
    document: dict[str, object], path: str, table: Table, objections: Objections
) -> dict[str, Any]:
    """Return the values by target. A key with null counts as not given; unknown and doubled ones are objected to.

    A value that cannot be read is there as None, so that it does not count as missing too; one without a target is
    read and dropped.
    """
    values: dict[str, Any] = {}
    said_as: dict[str, str] = {}
    for key, value in document.items():
        if objections.full:
            break
        field = table.field(key)
        if field is None:
            objections.add(at(path, key), f"unknown key; {table.advise(key)}")
        elif value is None:
            continue
        elif not field.target:
            objections.read(field.read, value, at(path, key))
        elif field.target in values:
            said = said_as[field.target]
            objections.add(at(path, key), f"says the same as `{said}`; keep one of the two")
        else:
            values[field.target] = objections.read(field.read, value, at(path, key))
            said_as[field.target] = key
    return values


def require(
    values: Mapping[str, Any], target: str, path: str, what: str, objections: Objections
) -> None:
    """Object when the target was not given; `what` says what to put there."""
    if target not in values:
        objections.add(at(path, target), f"is missing; {what}")


def fold(key: str) -> str:
    """Return the key as it compares where neither case nor underscores count."""
    return key.replace("_", "").lower()


def mapping(value: object, path: str) -> dict[str, object]:
    """Read a mapping."""
    if is_mapping(value):
        return value
    raise wrong(path, f"expected a mapping, got {shown(value)}")


def items(value: object, path: str) -> list[object]:
    """Read a list."""
    if is_list(value):
        return value
    raise wrong(path, f"expected a list, got {shown(value)}; put it in [ ]")


def each(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return the reader of a list of what `read` reads."""

    def read_list(value: object, path: str) -> tuple[T, ...]:
        objections = Objections()
        found: list[T] = []
        for index, item in enumerate(items(value, path)):
            if objections.full:
                break
            one = objections.read(read, item, at(path, index))
            if one is not None:
                found.append(one)
        objections.raise_any()
        return tuple(found)

    return read_list


def text(value: object, path: str) -> str:
    """Read text."""
    if isinstance(value, str):
        return value
    advice = "" if is_mapping(value) or is_list(value) else "; put it in quotes"
    raise wrong(path, f"expected text, got {_named(value)}{advice}")


def written(value: object, path: str) -> str:
    """Read text, or a number or boolean as the text it was written with."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return _named(value)
    raise wrong(path, f"expected text, got {_named(value)}; put the text in quotes")


def integer(value: object, path: str) -> int:
    """Read a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong(path, f"expected a whole number, got {_named(value)}")


def boolean(value: object, path: str) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise wrong(path, f"expected true or false, got {_named(value)}")


def choice(kind: type[E]) -> Reader[E]:
    """Return the reader of one of the words of an enumeration."""

    def read_choice(value: object, path: str) -> E:
        for member in kind:
            if value == member.value:
                return member
        raise wrong(path, f"expected {_one_of([m.value for m in kind])}, got {_named(value)}")

    return read_choice


def ignored(value: object, path: str) -> None:
    """Accept whatever is there: something cube tells and is not told."""


def _named(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenFloat):
        return value.text
    return shown(value)


def _one_of(words: list[str]) -> str:
    return " or ".join(", ".join(words).rsplit(", ", 1))
