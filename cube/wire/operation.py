"""What an operation of an HTTP API is: a method on a path, what it takes, what it answers, who may call it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from cube.model.role import Role

JSON = "application/json"
LINES = "application/x-ndjson"
SSE = "text/event-stream"
TEXT = "text/plain"
PROBLEM = "application/problem+json"
HTML = "text/html"
PAGE_MEDIA = {"html": HTML, "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
"""The types of the files of the page, by the ends of their names."""


class Place(StrEnum):
    """Where a parameter stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


class Parameter(msgspec.Struct, frozen=True):
    """A typed input beside the body."""

    name: str
    place: Place
    kind: Any  # the type that describes it
    about: str
    example: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What comes back under one status: one of these kinds, or no body where there is None."""

    status: int
    about: str
    kind: Any = None
    media: str = JSON
    headers: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path."""

    method: str
    path: str
    id: str
    summary: str
    role: Role | None  # None: anybody may, also who is not known
    parameters: tuple[Parameter, ...] = ()
    body: tuple[Any, ...] = ()  # the forms it may have, all JSON; none: there is no body
    example: Any = None  # of a body
    answers: tuple[Answer, ...]
    problems: tuple[
        int, ...
    ] = ()  # statuses of problem documents, beside those that anything can have
    streams: bool = False  # the answer comes for as long as somebody reads; no HEAD

    @property
    def media(self) -> frozenset[str]:
        """The types that an answer may have, problems included."""
        return frozenset(one.media for one in self.answers if one.kind is not None) | {PROBLEM}
