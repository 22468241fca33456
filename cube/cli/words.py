"""Amounts in words: how long ago, how much, and which colour a state has. Pure."""

from __future__ import annotations

from datetime import datetime

from cube.core.words import seconds as rounded

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def duration(seconds: float) -> str:
    """Return one rounded-down unit, as tables show ages: `45s`, `3m`, `2h`, `9d`."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def span(milliseconds: float) -> str:
    """Return how long a step took: `3 ms`, `2.1 s`, `45 s`, `3 min`."""
    if 1_000 <= milliseconds < 9_950:
        return f"{milliseconds / 1000:.1f} s"
    return rounded(max(0.0, milliseconds))


def age(then: datetime | None, now: datetime) -> str:
    """Return how long ago that was; `-` when it has not been."""
    return duration((now - then).total_seconds()) if then else "-"


def size(amount: int) -> str:
    """Return bytes in the largest binary unit that leaves at least 1: `212 MiB`, `1.5 GiB`."""
    value = float(amount)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def cores(millis: int) -> str:
    """Return thousandths of a core in cores: `0.5`, `2`."""
    return f"{millis / 1000:.2f}".rstrip("0").rstrip(".")


# Each state has a word, a sign and a colour: who cannot see one sees another.
SIGNS = {
    "running": ("●", "green"),
    "ready": ("●", "green"),
    "healthy": ("●", "green"),
    "scheduled": ("◐", "yellow"),
    "starting": ("◐", "yellow"),
    "creating": ("◐", "yellow"),
    "pulling": ("◐", "yellow"),
    "assigned": ("◐", "yellow"),
    "pending": ("○", "yellow"),
    "waiting": ("○", "yellow"),
    "queued": ("○", "bright_black"),
    "blocked": ("✗", "red"),
    "stopping": ("◌", "yellow"),
    "cordoned": ("◌", "yellow"),
    "draining": ("◌", "yellow"),
    "suspect": ("!", "yellow"),
    "recovering": ("!", "yellow"),
    "restarting": ("!", "yellow"),
    "unready": ("!", "yellow"),
    "exited": ("!", "red"),
    "unhealthy": ("✗", "red"),
    "failed": ("✗", "red"),
    "lost": ("✗", "red"),
    "quarantined": ("✗", "red"),
    "runtime down": ("✗", "red"),
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "red"),
    "completed": ("✓", "blue"),
    "stopped": ("■", "bright_black"),
    "removed": ("■", "bright_black"),
}


def sign(state: str) -> tuple[str, str]:
    """Return the sign and the colour of a state."""
    return SIGNS.get(state, ("?", ""))
