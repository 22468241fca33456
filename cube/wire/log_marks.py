"""Marks in a URL: with `?after=` a reader whose connection broke goes on where it was.

`SLOT.GENERATION.RESTART.OUT_NS.OUT_LINES.ERR_NS.ERR_LINES`, joined by `_`: characters that a URL leaves as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from cube.model.logs import Mark

Place = tuple[int, int]
"""Slot and generation: an allocation of a task that is known."""
_NUMBERS = 7
_MOST = 2**63 - 1


def encode_marks(marks: Mapping[Place, Mark]) -> str:
    """Return them as text."""
    return "_".join(
        f"{slot}.{generation}.{mark.restart}.{mark.out_ns}.{mark.out_lines}.{mark.err_ns}.{mark.err_lines}"
        for (slot, generation), mark in marks.items()
    )


def decode_marks(text: str) -> dict[Place, Mark]:
    """Return the marks by allocation. ValueError when the text is none."""
    marks: dict[Place, Mark] = {}
    for one in text.split("_"):
        words = one.split(".")
        if len(words) != _NUMBERS or not all(word.isascii() and word.isdigit() for word in words):
            raise ValueError(one)
        slot, generation, restart, out_ns, out_lines, err_ns, err_lines = map(int, words)
        if max(restart, out_lines, err_lines) >= 2**32 or max(out_ns, err_ns) > _MOST:
            raise ValueError(one)
        marks[slot, generation] = Mark(
            restart=restart, out_ns=out_ns, out_lines=out_lines, err_ns=err_ns, err_lines=err_lines
        )
    return marks
