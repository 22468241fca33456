"""How the daemons log: sentences on a terminal, else one JSON object per line, for a collector.

A subject goes along as `extra={"task": ..., "node": ...}`, or with `about` for all that is logged in a block, not only
in the sentence. Nothing else of a record is written, so what is not named here cannot leak by an attribute.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TextIO

import msgspec

LEVELS = ("debug", "info", "warning", "error")
SUBJECTS = ("event", "task", "node", "allocation", "request_id")
# These say at `info` what concerns only who debugs them.
_TALKATIVE = ("aiohttp.access", "asyncio", "aiodocker")

_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("subjects of the log", default=_NOTHING)


class LogFormat(StrEnum):
    """How a record is written."""

    AUTO = "auto"  # text on a terminal, else JSON
    TEXT = "text"
    JSON = "json"


def configure(
    level: str = "info", stream: TextIO | None = None, format: LogFormat = LogFormat.AUTO
) -> None:
    """Send the log of this process to stderr. Repeats safely."""
    out = sys.stderr if stream is None else stream
    text = out.isatty() if format is LogFormat.AUTO else format is LogFormat.TEXT
    handler = logging.StreamHandler(out)
    handler.setFormatter(Sentences() if text else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def about(**subjects: str) -> Iterator[None]:
    """Name these subjects in whatever is logged within the block, also by the tasks that are started in it."""
    token = _about.set({**_about.get(), **subjects})
    try:
        yield
    finally:
        _about.reset(token)


def also_about(**subjects: str) -> None:
    """Name these subjects, too, until the block of `about` that this is called in is left."""
    _about.set({**_about.get(), **subjects})


class Sentences(logging.Formatter):
    """`14:03:07 warning  message`, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        at = datetime.fromtimestamp(record.created)
        line = f"{at:%H:%M:%S} {record.levelname.lower():<8} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """`{"time": ..., "level": ..., "logger": ..., "message": ...}`, for programs. Exactly one line per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        known = _about.get()
        for name in SUBJECTS:
            if (value := getattr(record, name, known.get(name))) is not None:
                fields[name] = str(value)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()
