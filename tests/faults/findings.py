"""What a scenario asked for and what it saw, as a Markdown table. Pure."""

from __future__ import annotations

from typing import NamedTuple

from tests.bench.figures import table

EXAMPLES = 5  # of what went wrong; the rest is counted


class Row(NamedTuple):
    """One promise: what was asked, what was seen, and whether that is as promised."""

    asked: str
    seen: str
    kept: bool


class Findings:
    """The rows of one scenario, and what went wrong in words."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._rows: list[Row] = []
        self.violations: list[str] = []

    def row(self, asked: str, seen: object, *, kept: bool = True) -> None:
        """Add a row. One that is not kept is a violation."""
        self._rows.append(Row(asked, str(seen), kept))
        if not kept:
            self.violations.append(f"{asked}: {seen}")

    def none(self, asked: str, wrong: list[str]) -> None:
        """Add a row that counts what must not be; what there is are violations."""
        self._rows.append(Row(asked, str(len(wrong)), not wrong))
        self.violations += wrong

    def markdown(self) -> str:
        """Return the table, and below it some of what went wrong."""
        rows = [(row.asked, row.seen, "yes" if row.kept else "NO") for row in self._rows]
        parts = [f"### {self.title}", "", table(("asked", "seen", "as promised"), rows)]
        parts += ["", *(f"- {wrong}" for wrong in self.violations[:EXAMPLES])]
        if (more := len(self.violations) - EXAMPLES) > 0:
            parts.append(f"- and {more} more")
        return "\n".join(parts).rstrip()
