"""The chain of the audit: each entry is bound to all before it, so that none can be changed or taken out unnoticed.

A link is the hash of the link before, the entry's number and its bytes. Whoever can write the ledger can write a new
chain; who keeps a link elsewhere (`cube audit verify` tells the newest) notices that, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

LINK_BYTES = 32
FIRST = b"\0" * LINK_BYTES


class Link(NamedTuple):
    """A place in the chain: behind the entry of that number. (0, zeros) is its beginning."""

    number: int
    hash: bytes


BEGINNING = Link(0, FIRST)


class Kept(NamedTuple):
    """An entry as it is kept: its number, its bytes, its link."""

    number: int
    body: bytes
    hash: bytes


class Verdict(msgspec.Struct, frozen=True):
    """What looking through a chain found. `fault` is empty when it is whole."""

    entries: int
    first: int
    head: Link
    fault: str = ""


def link(before: Link, body: bytes) -> Link:
    """Return the place behind an entry with these bytes."""
    number = before.number + 1
    return Link(number, hashlib.sha256(before.hash + number.to_bytes(8) + body).digest())


def follow(anchor: Link, kept: Iterable[Kept], head: Link) -> Verdict:
    """Go along the chain from the newest entry that was forgotten to the newest there is."""
    at, entries = anchor, 0
    for one in kept:
        expected = link(at, one.body)
        if one.number != expected.number:
            return _broken(anchor, at, entries, f"entry {expected.number} is missing")
        if one.hash != expected.hash:
            return _broken(anchor, at, entries, f"entry {one.number} is not what was recorded")
        at, entries = expected, entries + 1
    if at != head:
        missing = f"entries {at.number + 1} to {head.number} are missing"
        return _broken(
            anchor, at, entries, missing if at.number < head.number else "its end is another"
        )
    return Verdict(entries, anchor.number + 1, at)


def _broken(anchor: Link, at: Link, entries: int, fault: str) -> Verdict:
    return Verdict(entries, anchor.number + 1, at, fault)
