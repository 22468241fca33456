"""Going on with a log where it was left: no line twice, none left out, and a loss noticed.

The engine's logs have no numbers. Their lines have a time in nanoseconds and come in their order, so a line is known by
its time and by how many lines before it have the same. Where a machine's clock was set back, what it wrote since
may come twice; it is never left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from cube.model.logs import Mark

SLACK_NS = 1_000_000_000
"""The two outputs of a container are written by two threads of the engine: their times may be a little out of order."""
STDOUT = "stdout"


class Line(Protocol):
    """What is asked of a line."""

    @property
    def at_ns(self) -> int:
        """When it was written, Unix nanoseconds."""
        ...

    @property
    def stream(self) -> str:
        """Which output it was written to: stdout or stderr."""
        ...


L = TypeVar("L", bound=Line)


class Progress:
    """How far one allocation's log was read, kept while it is read."""

    def __init__(self, mark: Mark | None = None) -> None:
        mark = mark or Mark()
        self._restart = mark.restart
        self._out_ns, self._out_lines = mark.out_ns, mark.out_lines
        self._err_ns, self._err_lines = mark.err_ns, mark.err_lines
        self._latest = mark.newest_ns

    @property
    def mark(self) -> Mark:
        """Where it stands."""
        return Mark(
            restart=self._restart,
            out_ns=self._out_ns,
            out_lines=self._out_lines,
            err_ns=self._err_ns,
            err_lines=self._err_lines,
        )

    @property
    def latest(self) -> int:
        """The greatest time of a line so far, whichever run wrote it."""
        return self._latest

    def begin_run(self, restart: int) -> None:
        """Go on to the lines of that run; the one it is at already goes on."""
        if restart != self._restart:
            self._restart = restart
            self._out_ns = self._out_lines = self._err_ns = self._err_lines = 0

    def take(self, lines: Iterable[Line]) -> list[int]:
        """Count these as read; return the time by which each is merged with those of others, never decreasing."""
        latest = self._latest
        times = []
        for line in lines:
            at = line.at_ns
            if line.stream == STDOUT:
                self._out_lines = self._out_lines + 1 if at == self._out_ns else 1
                self._out_ns = at
            else:
                self._err_lines = self._err_lines + 1 if at == self._err_ns else 1
                self._err_ns = at
            if at > latest:
                latest = at
            times.append(latest)
        self._latest = latest
        return times


class Resumption:
    """Passes on what lies behind a mark, of a log that is read again from `since_ns` on."""

    def __init__(self, mark: Mark) -> None:
        newest = mark.newest_ns
        # What an output of which nothing was read wrote before the other's newest was not asked for.
        self._out_ns, self._out_left = mark.out_ns or newest, mark.out_lines
        self._err_ns, self._err_left = mark.err_ns or newest, mark.err_lines
        self._out_is_newest = mark.out_ns == newest
        self._passing = False
        self.since_ns = max(newest - SLACK_NS, 0)
        self.lost = False
        """Whether lines behind the mark are gone: the newest line read before is not there any more."""

    def unread(self, lines: Iterable[L]) -> list[L]:
        """Return those that were not read before."""
        if self._passing:
            return list(lines)
        found: list[L] = []
        for line in lines:
            if not self._passing and self._is_unread(line):
                # What was read stands before what was not, so all that follows is unread.
                self._passing = True
                self.lost = bool(self._out_left if self._out_is_newest else self._err_left)
            if self._passing:
                found.append(line)
        return found

    def _is_unread(self, line: Line) -> bool:
        if line.stream == STDOUT:
            if line.at_ns == self._out_ns and self._out_left:
                self._out_left -= 1
                return False
            return line.at_ns >= self._out_ns
        if line.at_ns == self._err_ns and self._err_left:
            self._err_left -= 1
            return False
        return line.at_ns >= self._err_ns
