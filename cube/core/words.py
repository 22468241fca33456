"""Amounts and lengths of time as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice


def seconds(milliseconds: float) -> str:
    """Return `340 ms`, `12 s`, `3 min`, `2 h`: two figures are enough to decide whether to wait."""
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1_000:.0f} s"
    if milliseconds < 7_200_000:
        return f"{milliseconds / 60_000:.0f} min"
    return f"{milliseconds / 3_600_000:.0f} h"


def plural(count: int, noun: str) -> str:
    """Return `1 container`, `2 containers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return `db.1`, `db.1 and web.2`, `db.1, web.2, web.3 and 4 more`: so many by name."""
    shown = list(names)
    if len(shown) > most:
        shown[most:] = [f"{len(shown) - most} more"]
    return " and ".join(", ".join(shown).rsplit(", ", 1))


NEAR_MOST = 3
ALIKE = 0.65  # of 1: two letters changed places in a name of three, or one of two is another
COMPARED_MOST = 300  # names, at about 20 microseconds each


def near(word: str, known: Iterable[str]) -> list[str]:
    """Return what may have been meant: the names that differ by little, the nearest first.

    Compares only names of about that length that share the first or the last letter: a slip of the finger leaves one of
    them, and a cluster of ten thousand names is not searched for a guess.
    """
    alike = (
        name
        for name in known
        if abs(len(name) - len(word)) <= 2 and (name[:1] == word[:1] or name[-1:] == word[-1:])
    )
    cutoff = min(ALIKE, 1 - 1 / max(len(word), 2))
    compared = list(dict.fromkeys(islice(alike, COMPARED_MOST)))
    return get_close_matches(word, compared, NEAR_MOST, cutoff)
