"""JSON read strictly: a body has one meaning or none, and finding out costs no more than its length.

Python's own reader takes NaN, 1e999, repeated keys (the last one wins), lone surrogates, NUL and UTF-16, and
overflows its stack on deep nesting; each of these has been a way past somebody's check. All of them are refused here
with InvalidInput, by path. No other exception leaves this file.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from cube.wire.objections import Objections, at, is_list, is_mapping, shown, wrong

MAX_DEPTH = 32  # a task needs four levels
MAX_ENTRIES = 10_000  # keys and list items in all; a large task has a hundred
MAX_DIGITS = 30  # enough for any amount; a million digits take a minute to convert

_Step = tuple[Any, str | int] | None  # the path to a value as (steps before, last step)


class WrittenFloat(float):
    """A number with a fraction that knows how it was written: in an environment `1.10` is not `1.1`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        number = super().__new__(cls, text)
        number.text = text
        return number


class _Refused:
    """Stands in a document for what cannot be accepted, until its path is known."""

    def __init__(self, why: str) -> None:
        self.why = why


class _Repeated(dict[str, object]):
    """A mapping some of whose keys were given twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__()
        self.keys_twice: list[str] = []
        for key, value in pairs:
            if key in self and key not in self.keys_twice:
                self.keys_twice.append(key)
            self[key] = value


def decode(data: bytes, *, max_entries: int = MAX_ENTRIES) -> object:
    """Return the value a JSON body stands for: dict, list, str, int, WrittenFloat, bool or None."""
    text = text_of(data)
    if not text.strip():
        raise wrong("", "is empty; expected JSON")
    try:
        value = _read(_QUICK, text)
    except ValueError:
        value = _read(_MARKING, text)  # again, so that the objection can name the path
        examine(value, max_entries=max_entries)
    if not _harmless(text, max_entries):
        examine(value, max_entries=max_entries)
    return value


def text_of(data: bytes) -> str:
    """Return the text of UTF-8 without a byte order mark, the only encoding accepted."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise wrong("", f"line {line}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    if text.startswith("\ufeff"):
        raise wrong("", "starts with a byte order mark; save it as UTF-8 without one")
    if "\0" in text:
        raise wrong("", "contains NUL bytes; is it UTF-16? save it as UTF-8")
    return text


def whole(text: str) -> int:
    """Return the integer written in decimal. ValueError with a sentence when it is absurdly long."""
    _few_digits(text)
    return int(text)


def fraction(text: str) -> WrittenFloat:
    """Return the number. ValueError with a sentence when it is infinite, no number or absurdly long."""
    _few_digits(text)
    number = WrittenFloat(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def examine(value: object, *, max_entries: int = MAX_ENTRIES) -> None:
    """Return when a document is sound, whatever format it was read from; raise all objections otherwise.

    Sound: at most `MAX_DEPTH` deep and `max_entries` large, even where parts of it are shared, of plain types,
    with finite numbers and text that every other program can read.
    """
    objections = Objections()
    pending: list[tuple[object, _Step, int]] = [(value, None, 1)]
    entries = 0
    while pending and not objections.full:
        item, step, depth = pending.pop()
        if why := _why_unsound(item):
            objections.add(_path(step), why)
        children = _children(item)
        if children is None:
            continue
        if depth > MAX_DEPTH:
            objections.add(_path(step), f"is nested deeper than {MAX_DEPTH} levels")
            continue
        entries += len(children)
        if entries > max_entries:
            objections.add("", f"has more than {max_entries} keys and list items")
            break
        if is_mapping(item):
            _examine_keys(item, step, objections)
        pending.extend((child, (step, key), depth + 1) for key, child in reversed(children))
    objections.raise_any()


def _read(decoder: json.JSONDecoder, text: str) -> object:
    """Return what the decoder reads. ValueError is one of its hooks'."""
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise wrong("", f"{place}: not JSON: {error.msg}") from None
    except RecursionError:
        raise wrong("", f"is nested deeper than {MAX_DEPTH} levels") from None


def _children(value: object) -> list[tuple[str | int, object]] | None:
    if is_mapping(value):
        return list(value.items())
    return list(enumerate(value)) if is_list(value) else None


def _examine_keys(mapping: dict[str, object], step: _Step, objections: Objections) -> None:
    if isinstance(mapping, _Repeated):
        for key in mapping.keys_twice:
            objections.add(_path((step, key)), "is given twice; keep one")
    for key in mapping:
        if why := _why_unsound(key):
            objections.add(_path((step, key)), f"as a key {why}")


def _why_unsound(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            return "contains a NUL character; remove it"
        if not value.isascii() and _SURROGATE.search(value):
            return "contains half of a surrogate pair; remove it"
        return ""
    if isinstance(value, _Refused):
        return value.why
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is not a finite number"
    if isinstance(value, int):  # bool is an int
        return "" if abs(value) < 10**MAX_DIGITS else f"has more than {MAX_DIGITS} digits"
    if value is None or isinstance(value, dict | list):
        return ""
    return f"is a {type(value).__name__}; put {shown(str(value))} in quotes"


def _path(step: _Step) -> str:
    steps: list[str | int] = []
    while step is not None:
        step, last = step
        steps.append(last)
    path = ""
    for last in reversed(steps):
        path = at(path, last)
    return path


def _harmless(text: str, max_entries: int) -> bool:
    """Whether counting characters already shows that nothing is left to examine, as for nearly every task."""
    return (
        text.count("{") + text.count("[") <= MAX_DEPTH
        and text.count(",") + text.count(":") < max_entries
        and "\\u" not in text
    )


def _few_digits(text: str) -> None:
    if len(text) > MAX_DIGITS and sum(map(str.isdigit, text)) > MAX_DIGITS:
        raise ValueError(f"has more than {MAX_DIGITS} digits")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key is given twice")
    return mapping


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _once_marked(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else _Repeated(pairs)


def _whole_marked(text: str) -> object:
    try:
        return whole(text)
    except ValueError as error:
        return _Refused(str(error))


def _fraction_marked(text: str) -> object:
    try:
        return fraction(text)
    except ValueError as error:
        return _Refused(str(error))


def _constant_marked(name: str) -> object:
    return _Refused(f"{name} is not a number")


_SURROGATE = re.compile("[\ud800-\udfff]")

# Measured on a task of 500 bytes: 8 µs, of which 5 are the plain reader's. Reading with msgspec and looking for
# repeated keys in a second pass is no faster, and two readers can disagree.
_QUICK = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=whole, parse_float=fraction, parse_constant=_no_constant
)
_MARKING = json.JSONDecoder(
    object_pairs_hook=_once_marked,
    parse_int=_whole_marked,
    parse_float=_fraction_marked,
    parse_constant=_constant_marked,
)
