"""What a constraint may ask of a node: its labels, and the facts under `node.`."""

from __future__ import annotations

import re
from collections.abc import Callable

from cube.model.node import Node

Version = tuple[int, ...]
Comparable = float | Version

_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,5})(?:[-+~].*)?")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def number(text: str) -> float | None:
    """Return the number the text is; None when it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def version(text: str) -> Version | None:
    """Return the numbers of a version; what follows a dash or plus does not count. None when it is none."""
    match = _VERSION.fullmatch(text)
    return tuple(map(int, match[1].split("."))) if match else None


def size(text: str) -> float | None:
    """Return an amount of bytes, written with or without a unit; None when it is none."""
    match = _SIZE.fullmatch(text)
    return float(match[1]) * 1024 ** _POWERS[match[2].lower()] if match else None


FACTS: dict[str, Callable[[Node], str]] = {
    "node.id": lambda node: node.id,
    "node.name": lambda node: node.name,
    "node.platform": lambda node: node.facts.platform,
    "node.runtime": lambda node: node.facts.runtime,
    "node.engine_version": lambda node: node.facts.engine_version,
    "node.cube_version": lambda node: node.facts.cube_version,
    "node.cpu": lambda node: f"{node.facts.capacity.cpu_millis / 1000:g}",
    "node.memory": lambda node: str(node.facts.capacity.memory_bytes),
    "node.disk": lambda node: str(node.facts.capacity.disk_bytes),
}
"""What is told of a node under which name."""

_READINGS: dict[str, Callable[[str], Comparable | None]] = {
    "node.engine_version": version,
    "node.cube_version": version,
    "node.cpu": number,
    "node.memory": size,
    "node.disk": size,
}


def look_up(node: Node, key: str) -> str | None:
    """Return what the node has under the key, None when it has no such label. A label does not pass for a fact."""
    if tell := FACTS.get(key):
        return tell(node)
    return node.facts.labels.get(key)


def readings(key: str) -> tuple[Callable[[str], Comparable | None], ...]:
    """Return how the values under the key may be compared: as the first of these that reads both sides.

    A label that is a number is compared as one; only where a side is none, as versions.
    """
    if key not in FACTS:
        return (number, version)
    return (_READINGS[key],) if key in _READINGS else ()
