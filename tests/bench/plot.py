"""Lines over time as an SVG, by hand: a picture of two curves is worth no dependency. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

import msgspec

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 40, 50
COLOURS = ("#1f6feb", "#d29922", "#8957e5", "#2da44e")
TICKS = 8  # at most, on each axis


class Line(msgspec.Struct, frozen=True):
    """One curve: its name and its points (x, y), x growing."""

    name: str
    points: Sequence[tuple[float, float]]


def picture(title: str, x_label: str, y_label: str, lines: Sequence[Line]) -> str:
    """Return the curves in one frame that begins at 0, with axes, ticks and a legend."""
    most_x = max((x for line in lines for x, _ in line.points), default=0.0) or 1.0
    most_y = max((y for line in lines for _, y in line.points), default=0.0) or 1.0
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + across * x / most_x, HEIGHT - BOTTOM - up * y / most_y

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=15, anchor="start"),
    ]
    for x in ticks(most_x):
        place, _ = at(x, 0)
        parts.append(_rule(place, TOP, place, HEIGHT - BOTTOM))
        parts.append(_text(place, HEIGHT - BOTTOM + 18, f"{x:g}"))
    for y in ticks(most_y):
        _, place = at(0, y)
        parts.append(_rule(LEFT, place, WIDTH - RIGHT, place))
        parts.append(_text(LEFT - 8, place + 4, f"{y:,.0f}", anchor="end"))
    parts.append(_text(LEFT + across / 2, HEIGHT - 10, x_label))
    middle = TOP + up / 2
    parts.append(f'<g transform="rotate(-90 16 {middle})">{_text(16, middle, y_label)}</g>')
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in line.points)
        parts.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        key = TOP + 16 + 18 * number
        parts.append(f'<rect x="{LEFT + 14}" y="{key - 9}" width="18" height="4" fill="{colour}"/>')
        parts.append(_text(LEFT + 38, key, line.name, anchor="start"))
    return "\n".join([*parts, "</svg>", ""])


def ticks(most: float) -> list[float]:
    """Return round numbers from 0 up to `most`, evenly apart, `TICKS` at most."""
    rough = most / TICKS
    unit = 10 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    count = floor(most / step + 1e-9)
    digits = max(0, ceil(-log10(step)))
    return [round(step * number, digits) for number in range(count + 1)]


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="#24292f">{escape(words)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d8dee4"/>'
