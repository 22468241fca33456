"""Which columns of a table a terminal has room for. Pure: the width is handed in.

A line that is too long is broken by the terminal in the middle of a name. So columns that say nothing go first, then
those that a reader misses least; names, states and reasons stay.
"""

from __future__ import annotations

from cube.cli.tables import Table

# Where the width ends, these are folded; all others stay on one line.
FOLDED = frozenset({"REASON", "MESSAGE", "IMAGE", "LABELS", "PORTS", "FROM", "TO"})
# The first to go stands first. What is not named here is never left out.
GIVING_WAY = (
    "LABELS", "ENGINE", "IMAGE", "PORTS", "ASKED", "STARTED", "HEALTH", "EXIT", "AGE", "HEARD", "SLOTS",
    "CREATED", "RESTARTS",
)  # fmt: skip
GAP = 2  # blanks between two columns
FOLDED_LEAST = 28  # a reason in a narrower column is a ladder of single words
NOTHING = ("", "-")


def needed(table: Table) -> int:
    """Return how wide the table is with every folded column as narrow as it may be."""
    widths = [_width(table, index) for index in range(len(table.columns))]
    return sum(widths) + GAP * len(widths)


def fitted(table: Table, width: int) -> Table:
    """Return the table without the columns that there is no room for."""
    for name in (*_silent(table), *GIVING_WAY):
        if needed(table) <= width:
            break
        if name in table.columns:
            table = table.without(name)
    return table


def _silent(table: Table) -> list[str]:
    """The columns that could go and have nothing in any row."""
    return [
        name
        for name in GIVING_WAY
        if name in table.columns
        and all(row[table.columns.index(name)].text in NOTHING for row in table.rows)
    ]


def _width(table: Table, index: int) -> int:
    longest = max((_length(row[index]) for row in table.rows), default=0)
    if table.columns[index] in FOLDED:
        longest = min(longest, FOLDED_LEAST)
    return max(longest, len(table.columns[index]))


def _length(cell: tuple[str, str]) -> int:
    text, state = cell
    return len(text) + (2 if state else 0)  # with its sign
