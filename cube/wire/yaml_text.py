"""YAML read as the plain data it should have been: no objects, no tags, no surprises.

YAML 1.1 makes `no` a boolean, `22:30` the number 1350 and `010` an 8. Here a plain scalar is a number, boolean or null
only where YAML 1.1 and 1.2 agree and JSON would say so too; everything else is the text that stands there. Built on
the parser's events, so nothing is ever constructed and nesting costs no stack.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from cube.wire.objections import at, is_list, is_mapping, wrong
from cube.wire.strict import MAX_DEPTH, fraction, whole

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_MERGE = "<<"
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


class _List:
    """A list that has begun and not ended."""

    awaits_key = False

    def __init__(self, path: str, anchor: str | None) -> None:
        self.value: list[object] = []
        self.path = path
        self.anchor = anchor

    @property
    def next_path(self) -> str:
        """The path of the value that comes next."""
        return at(self.path, len(self.value))

    def put(self, value: object) -> None:
        """Add the next item."""
        self.value.append(value)


class _Mapping:
    """A mapping that has begun and not ended. Its own keys win over those merged in with `<<`."""

    def __init__(self, path: str, anchor: str | None) -> None:
        self.value: dict[str, object] = {}
        self.path = path
        self.anchor = anchor
        self.awaits_key = True  # and not a value
        self._own_keys: set[str] = set()
        self._key = ""
        self._merges = False
        self._where = ""

    @property
    def next_path(self) -> str:
        """The path of the value that comes next."""
        return self.path if self.awaits_key else at(self.path, self._key)

    def begin(self, key: str, *, merges: bool, where: str) -> None:
        """Note the key of the next value."""
        if key in self._own_keys:
            raise wrong(at(self.path, key), f"{where}: is given twice; keep one")
        self._own_keys.add(key)
        self._key, self._merges, self._where = key, merges, where
        self.awaits_key = False

    def put(self, value: object) -> None:
        """Set the value of the key that was noted."""
        if self._merges:
            self._merge(value)
        else:
            self.value[self._key] = value
        self.awaits_key = True

    def _merge(self, value: object) -> None:
        for source in value if is_list(value) else [value]:
            if not is_mapping(source):
                raise wrong(self.path, f"{self._where}: << takes a mapping")
            self.value = source | self.value


class _Builder:
    """Makes values of parser events. Shared parts (`&name`, `*name`) stay shared."""

    def __init__(self) -> None:
        self.documents: list[object] = []
        self._open: list[_List | _Mapping] = []
        self._anchors: dict[str, object] = {}

    def take(self, event: Any) -> None:
        """Add what the parser met next."""
        where = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, where)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event, where)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            ended = self._open.pop()
            self._put(ended.value, ended.anchor, where)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise wrong(self._path, f"{where}: nothing before is called &{event.anchor}")
            self._put(self._anchors[event.anchor], None, where)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()

    @property
    def _path(self) -> str:
        return self._open[-1].next_path if self._open else ""

    def _scalar(self, event: Any, where: str) -> None:
        self._refuse_tag(event, where)
        plain = event.implicit[0]
        inside = self._open[-1] if self._open else None
        if isinstance(inside, _Mapping) and inside.awaits_key:
            inside.begin(event.value, merges=plain and event.value == _MERGE, where=where)
            return
        try:
            value = _plain(event.value) if plain else event.value
        except ValueError as error:
            raise wrong(self._path, f"{where}: {error}") from None
        self._put(value, event.anchor, where)

    def _begin(self, event: Any, where: str) -> None:
        self._refuse_tag(event, where)
        if len(self._open) >= MAX_DEPTH:
            raise wrong(self._path, f"{where}: is nested deeper than {MAX_DEPTH} levels")
        opens = _Mapping if isinstance(event, yaml.MappingStartEvent) else _List
        self._open.append(opens(self._path, event.anchor))

    def _put(self, value: object, anchor: str | None, where: str) -> None:
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._open:
            self.documents.append(value)
        elif self._open[-1].awaits_key:
            raise wrong(self._path, f"{where}: a key must be text")
        else:
            self._open[-1].put(value)

    def _refuse_tag(self, event: Any, where: str) -> None:
        if event.tag not in _TEXT_TAGS:
            raise wrong(self._path, f"{where}: tags are not used here; remove {event.tag!a}")


def read_yaml(text: str) -> list[object]:
    """Return the documents in the text. InvalidInput names the line, and the path of a key given twice."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise wrong("", f"{line}not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise wrong("", f"not YAML: {error}") from None
    return builder.documents


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return whole(text)
    if _FRACTION.fullmatch(text):
        return fraction(text)
    return text
