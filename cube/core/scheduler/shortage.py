"""How much of which resource is missing, as an amount and in words."""

from __future__ import annotations

from typing import NamedTuple

from cube.model.extras import DEVICE
from cube.model.resources import Resources


class Lack(NamedTuple):
    """One missing resource in words: `memory`, `212 MiB`, `212 MiB memory`."""

    resource: str
    amount: str
    full: str


def shortage(asked: Resources, free: Resources) -> Resources:
    """Return what is missing of what is asked; zero where it fits or nothing is asked."""
    return Resources(
        _missing(asked.cpu_millis, free.cpu_millis),
        _missing(asked.memory_bytes, free.memory_bytes),
        _missing(asked.disk_bytes, free.disk_bytes),
    )


def lacks(short: Resources, extras_short: tuple[tuple[str, int], ...] = ()) -> list[Lack]:
    """Return the missing resources in words. Amounts are rounded up: freeing that much is enough."""
    found: list[Lack] = []
    if short.cpu_millis:
        cores = f"{short.cpu_millis / 1000:g} core{'' if short.cpu_millis == 1000 else 's'}"
        found.append(Lack("cpu", cores, cores))
    for resource, missing in (("memory", short.memory_bytes), ("disk", short.disk_bytes)):
        if missing:
            amount = human_bytes(missing)
            found.append(Lack(resource, amount, f"{amount} {resource}"))
    for extra, millis in extras_short:
        amount = f"{millis / DEVICE:g} {extra}"
        found.append(Lack(extra, amount, amount))
    return found


def _missing(asked: int, free: int) -> int:
    return max(0, asked - free) if asked else 0


def human_bytes(count: int, *, up: bool = True) -> str:
    """Return `1.5 GiB`: the largest unit that gives at least one, three digits or so, rounded up or else down."""
    for exponent, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        size = 1024**exponent
        if count >= size:
            tenths = _divided(count * 10, size, up)
            return (
                f"{tenths / 10:g} {unit}"
                if tenths < 1000
                else f"{_divided(count, size, up)} {unit}"
            )
    return f"{count} B"


def _divided(amount: int, by: int, up: bool) -> int:
    return -(-amount // by) if up else amount // by
