"""From samples to the rows of a Markdown table. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` (0 to 1) of all samples do not exceed."""
    if not samples:
        return math.nan
    rank = max(1, math.ceil(share * len(samples)))
    return sorted(samples)[rank - 1]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned."""
    lines = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    drawn = [
        "| "
        + " | ".join(word.ljust(width) for word, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([drawn[0], rule, *drawn[1:]])


def latency_rows(
    measured: Mapping[str, Sequence[float]], *, over: str
) -> list[tuple[str, str, str, str, str, str]]:
    """Return a row per name: samples, p50 and p99 in milliseconds, and both over those of the row `over`."""
    floor = measured[over]
    rows = []
    for name, samples in measured.items():
        middle, tail = percentile(samples, 0.5), percentile(samples, 0.99)
        rows.append(
            (
                name,
                str(len(samples)),
                f"{middle * 1000:.1f}",
                f"{tail * 1000:.1f}",
                f"{middle / percentile(floor, 0.5):.2f}",
                f"{tail / percentile(floor, 0.99):.2f}",
            )
        )
    return rows


LATENCY_COLUMNS = ("what", "n", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio")
