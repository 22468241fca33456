"""A kill at every write and every sync of a course of commits, in turn."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tests.faults import tracer
from tests.faults.audit import audit
from tests.faults.findings import Findings

COMMITS = 300
Point = tuple[str, int]
One = TypeVar("One")


def measure(rounds: int = 0, *, commits: int = COMMITS) -> Findings:
    """Kill at each point of the course, or at `rounds` of them, evenly spread."""
    with tempfile.TemporaryDirectory(prefix="cube-writes-", dir=memory()) as home:
        directory = Path(home) / "data"
        calls = tracer.count_calls(tracer.run(directory, commits, "trace=all").trace)
        points = spread(list(every_point(calls)), rounds)
        wrong = [words for point in points if (words := _killed(directory, commits, point))]
    findings = Findings(f"writes: a kill at every write and sync of {commits} commits")
    total = sum(calls.values())
    findings.row("writes and syncs of the whole run", total)
    findings.row("killed at", len(points), kept=bool(points))
    findings.none("restarts that refuse, lose or invent", wrong)
    return findings


def every_point(calls: dict[str, int]) -> Iterator[Point]:
    """Return each call by its name and number."""
    return ((name, number) for name, times in calls.items() for number in range(1, times + 1))


def spread(points: Sequence[One], rounds: int) -> Sequence[One]:
    """Return `rounds` of the points, evenly spread; all of them for 0."""
    if not 0 < rounds < len(points):
        return points
    return [points[place * len(points) // rounds] for place in range(rounds)]


def memory() -> str | None:
    """Return a folder in memory, where there is one: what a kill leaves does not depend on the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _killed(directory: Path, commits: int, point: Point) -> str:
    shutil.rmtree(directory, ignore_errors=True)
    ended = tracer.killed_at(directory, commits, *point)
    words = asyncio.run(audit(directory, acknowledged=ended.acknowledged))
    if not words and ended.exit_code != -signal.SIGKILL:
        words = f"was not killed: exit code {ended.exit_code}"
    return words and f"{point[0]} {point[1]}: {words}"
