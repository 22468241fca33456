"""How the daemons log: sentences on a terminal, else one JSON object per line, for a collector.

A subject goes along as `extra={"task": ..., "node": ...}`, not only in the sentence.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec

LEVELS = ("debug", "info", "warning", "error")
_SUBJECTS = ("event", "task", "node", "allocation")
# These say at `info` what concerns only who debugs them.
_TALKATIVE = ("aiohttp.access", "asyncio", "aiodocker")


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send the log of this process to stderr. Repeats safely."""
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(Sentences() if out.isatty() else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class Sentences(logging.Formatter):
    """`14:03:07 warning  message`, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        at = datetime.fromtimestamp(record.created)
        line = f"{at:%H:%M:%S} {record.levelname.lower():<8} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """`{"ts": ..., "level": ..., "message": ...}`, for programs. Exactly one line per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "ts": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in _SUBJECTS:
            if (value := getattr(record, name, None)) is not None:
                fields[name] = str(value)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()
