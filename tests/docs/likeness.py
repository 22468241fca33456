"""Whether what a command printed is what the page shows of it.

Line by line and in order, where numbers, ids, times, durations and runs of blanks stand for any other, and `...` for
anything; on a line of its own for any number of lines. A digit that belongs to a name (`w1`) is held to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LOOSE = {
    "anything": (r"\.\.\.", r".*"),
    "time": (r"\b\d{8}T\d{6}(?:\.\d+)?Z\b", r"\d{8}T\d{6}(?:\.\d+)?Z"),
    "uuid": (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", r"[0-9a-f-]{36}"),
    # Eight letters of which some are digits: an id, or the beginning of one.
    "id": (r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b", r"[0-9a-f]{8,}"),
    "duration": (
        r"(?<![A-Za-z])\d+(?:\.\d+)? ?(?:ms|s|m|h)\b",
        r"(?:\d+(?:\.\d+)? ?(?:ms|[smhd]) ?)+",
    ),
    "number": (r"(?<![A-Za-z])\d+(?:\.\d+)?", r"\d+(?:\.\d+)?"),
    "blanks": (r"\s+", r"\s+"),
}
_TOKENS = re.compile("|".join(f"(?P<{name}>{shown})" for name, (shown, _) in _LOOSE.items()))


def difference(shown: Sequence[str], printed: str) -> str:
    """Return what of the page did not come, or came too much; empty when all is as shown."""
    text = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    parts = [_any_of(line) for line in shown]
    if re.fullmatch("".join(parts), text):
        return ""
    for count, line in enumerate(shown):
        if not re.match("".join(parts[: count + 1]), text):
            return f"the page shows, and it did not come: {line}"
    return "more was printed than the page shows"


def _any_of(line: str) -> str:
    """Return the pattern of all lines that are like this one."""
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    pattern, at = "", 0
    line = line.rstrip()
    for token in _TOKENS.finditer(line):
        pattern += re.escape(line[at : token.start()]) + _LOOSE[token.lastgroup or ""][1]
        at = token.end()
    return pattern + re.escape(line[at:]) + r"\n"
