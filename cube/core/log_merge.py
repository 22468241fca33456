"""Logs of several sources as one, in the order of time as far as waiting for it is worth it.

A source that reads what was written is waited for: what all of them have told is in exact order. One that has caught up
with the present may be silent for days, so a line waits for it only for a moment. Lines are merged by the times that
came with them and never looked at; where sources take turns in whole batches, these are passed on uncut.

Bounded: a source is full when so many bytes of it wait. Nothing is dropped: who puts waits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

import msgspec

from cube.model.logs import Batch

HOLD_SECONDS = 0.2
"""For so long a line waits for those of other sources: above the delays of a network, below what a person minds."""
PATIENCE_SECONDS = 5.0
"""For so long the others wait for a source that reads what was written, and says nothing."""
ROOM_BYTES = 2 * 1024 * 1024
"""What may wait for one reader, shared by its sources: so much that all of them are busy while one is waited for."""
LEAST_BYTES = (
    64 * 1024
)  # of one source, however many there are: what one reading of a socket brings
ALL = 2**63 - 1


class _Source(msgspec.Struct):
    """One source: what waits of it, and up to which time it has told."""

    batches: deque[tuple[float, Batch]] = msgspec.field(default_factory=deque)  # when it came
    waiting_bytes: int = 0
    frontier: int = 0
    heard: float = 0.0
    caught_up: bool = False
    over: bool = False


class Merge:
    """The sources of one reader. Times are monotonic seconds; a source is any text."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def open(self, name: str, now: float) -> None:
        """Wait for a source that is to read what was written. One that was opened before goes on."""
        source = self._sources.setdefault(name, _Source())
        source.heard = now
        source.over = source.caught_up = False

    def put(self, name: str, batch: Batch, now: float) -> None:
        """Take in what came from a source; at least one line."""
        source = self._sources[name]
        source.batches.append((now, batch))
        source.waiting_bytes += len(batch.body)
        source.frontier = max(source.frontier, batch.last)
        source.heard = now

    def catch_up(self, name: str) -> None:
        """The source has told what was written: from now on it tells what is being written."""
        self._sources[name].caught_up = True

    def end(self, name: str) -> None:
        """The source tells no more. Repeats safely."""
        self._sources[name].over = True

    def full(self, name: str) -> bool:
        """Whether the source should wait."""
        source = self._sources.get(name)
        return source is not None and source.waiting_bytes >= self._room

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(source.batches for source in self._sources.values())

    def take(self, now: float) -> bytes:
        """Return the lines whose turn it is, in order; maybe none."""
        bound = self._bound(now)
        runs: list[Batch] = []
        for source in self._sources.values():
            runs += _up_to(source, bound)
        for name in [n for n, one in self._sources.items() if one.over and not one.batches]:
            del self._sources[name]
        return _merged(runs)

    def due(self, now: float) -> float | None:
        """Return when to take again although nothing comes; None when nothing waits."""
        if self.empty:
            return None
        sources = self._sources.values()
        readers = [one.heard + PATIENCE_SECONDS for one in sources if _holds(one, now)]
        held = [one.batches[0][0] + HOLD_SECONDS for one in sources if one.batches]
        return min(readers or held)

    @property
    def _room(self) -> int:
        """How much of one source may wait."""
        return max(ROOM_BYTES // len(self._sources), LEAST_BYTES)

    def _bound(self, now: float) -> int:
        """Return the time up to which lines may go."""
        sources = self._sources.values()
        readers = [one.frontier for one in sources if _holds(one, now)]
        present = [one.frontier for one in sources if one.caught_up and not one.over]
        due = [_due_until(one, now, self._room) for one in sources]
        return min([ALL, *readers, max([min([ALL, *present]), *due])])


def _holds(source: _Source, now: float) -> bool:
    """Whether it reads what was written, and is waited for."""
    reads = not (source.caught_up or source.over)
    return reads and now < source.heard + PATIENCE_SECONDS


def _due_until(source: _Source, now: float, room: int) -> int:
    """The time up to which lines of this source have waited long enough, or take too much room."""
    if source.waiting_bytes >= room:
        return source.frontier
    due = [batch.last for came, batch in source.batches if came + HOLD_SECONDS <= now]
    return due[-1] if due else 0


def _up_to(source: _Source, bound: int) -> Iterable[Batch]:
    """Take the lines up to that time, the last batch cut where it has later ones."""
    while source.batches:
        came, batch = source.batches[0]
        if batch.first > bound:
            return
        source.batches.popleft()
        source.waiting_bytes -= len(batch.body)
        if batch.last <= bound:
            yield batch
            continue
        head, rest = _cut(batch, bound)
        source.batches.appendleft((came, rest))
        source.waiting_bytes += len(rest.body)
        yield head


def _cut(batch: Batch, bound: int) -> tuple[Batch, Batch]:
    count = bisect_right(batch.times, bound)
    lines = batch.lines
    return (
        Batch(batch.packed[: 8 * count], b"\n".join(lines[:count]) + b"\n"),
        Batch(batch.packed[8 * count :], b"\n".join(lines[count:]) + b"\n"),
    )


def _merged(runs: list[Batch]) -> bytes:
    """Return the lines of all in order: those of one source keep theirs, also at equal times."""
    runs.sort(key=lambda run: run.first)
    parts: list[bytes] = []
    group: list[Batch] = []
    until = 0
    for run in runs:
        if group and run.first >= until:
            parts.append(_sorted(group))
            group = []
        group.append(run)
        until = max(until, run.last)
    if group:
        parts.append(_sorted(group))
    return b"".join(parts)


def _sorted(group: list[Batch]) -> bytes:
    if len(group) == 1:
        return group[0].body
    times = [time for run in group for time in run.times]
    lines = [line for run in group for line in run.lines]
    order = sorted(range(len(times)), key=times.__getitem__)
    return b"\n".join([lines[place] for place in order]) + b"\n"
