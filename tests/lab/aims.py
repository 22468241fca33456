"""What was measured, beside what it is to be: a table in which a promise that was missed stands out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.bench.figures import percentile, table

COLUMNS = ("what", "n", "least s", "p50 s", "p99 s", "most s", "aim s", "kept")
KEPT, MISSED = "yes", "**NO**"


class Aim(NamedTuple):
    """Seconds that are not to be exceeded; None: nothing is said of that one."""

    p50: float | None = None
    p99: float | None = None
    most: float | None = None

    def kept(self, samples: Sequence[float]) -> bool:
        """Whether the samples keep to all of it."""
        limits = (
            (percentile(samples, 0.5), self.p50),
            (percentile(samples, 0.99), self.p99),
            (max(samples), self.most),
        )
        return all(limit is None or seen <= limit for seen, limit in limits)

    def __str__(self) -> str:
        """The words for a table."""
        words = (("p50", self.p50), ("p99", self.p99), ("most", self.most))
        return ", ".join(f"{name} {limit:g}" for name, limit in words if limit is not None)


class Measured(NamedTuple):
    """Samples of one thing, in seconds; without an aim they are there for comparison."""

    what: str
    samples: Sequence[float]
    aim: Aim | None = None

    def row(self) -> tuple[str, ...]:
        """Return its line of the table."""
        if not self.samples:
            return (self.what, "0", *("-" for _ in COLUMNS[2:]))
        seconds = (
            min(self.samples),
            percentile(self.samples, 0.5),
            percentile(self.samples, 0.99),
            max(self.samples),
        )
        judged = (
            ("", "") if self.aim is None else (str(self.aim), kept(self.aim.kept(self.samples)))
        )
        return (self.what, str(len(self.samples)), *(f"{one:.2f}" for one in seconds), *judged)


def kept(is_kept: bool) -> str:
    """Return the word for whether a promise was kept."""
    return KEPT if is_kept else MISSED


def times_table(measured: Iterable[Measured]) -> str:
    """Return a row for each thing that was measured."""
    return table(COLUMNS, [one.row() for one in measured])
