"""The audit on record: written in the transaction of the change, as a chain (`cube.core.audit`), bounded in number.

The newest link is kept beside the entries, so that entries cut off at the end are missed; the link of the newest entry
that was forgotten is kept, too, so that the chain of the others has a beginning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import msgspec

from cube.core.audit import BEGINNING, Kept, Link, Verdict, follow, link
from cube.model.audit import AuditEntry
from cube.store.failures import Unusable

FORGOTTEN_AT_ONCE = 5_000  # rows in one transaction, so that commits do not wait for long
# What somebody wrote there by hand may be text.
_ALL = "SELECT number, CAST(body AS BLOB), CAST(hash AS BLOB) FROM audit ORDER BY number"
_HEAD, _ANCHOR = "audit_head", "audit_anchor"
_decode = msgspec.json.Decoder(AuditEntry).decode


class NumberedEntry(msgspec.Struct, frozen=True):
    """An entry and its place in the chain."""

    number: int
    entry: AuditEntry


def append(connection: sqlite3.Connection, bodies: Sequence[bytes]) -> None:
    """Put entries, encoded, at the end of the chain. Inside a transaction of the caller."""
    if not bodies:
        return
    at = _read_link(connection, _HEAD)
    rows: list[tuple[int, bytes, bytes]] = []
    for body in bodies:
        at = link(at, body)
        rows.append((at.number, body, at.hash))
    connection.executemany("INSERT INTO audit VALUES (?, ?, ?)", rows)
    _write_link(connection, _HEAD, at)


def read(connection: sqlite3.Connection, *, before: int | None, limit: int) -> list[NumberedEntry]:
    """Return the newest entries, those with a lower number than `before` if it is given; oldest first."""
    found = connection.execute(
        "SELECT number, body FROM audit WHERE ? IS NULL OR number < ? ORDER BY number DESC LIMIT ?",
        (before, before, limit),
    ).fetchall()
    return [_entry(number, body) for number, body in reversed(found)]


def verify(connection: sqlite3.Connection) -> Verdict:
    """Go along the whole chain. Some seconds for a million entries."""
    with closing(connection.execute(_ALL)) as rows:
        anchor, head = _read_link(connection, _ANCHOR), _read_link(connection, _HEAD)
        return follow(anchor, _kept(rows), head)


def prune(connection: sqlite3.Connection, *, kept: int) -> bool:
    """Forget some entries beyond the newest `kept`; return whether there are more to forget."""
    head, anchor = _read_link(connection, _HEAD), _read_link(connection, _ANCHOR)
    last_to_go = head.number - kept
    last_now = min(last_to_go, anchor.number + FORGOTTEN_AT_ONCE)
    if last_now <= anchor.number:
        return False
    row = connection.execute("SELECT hash FROM audit WHERE number = ?", (last_now,)).fetchone()
    if row is None:  # a broken chain stays as it is, for whoever looks into it
        return False
    connection.execute("DELETE FROM audit WHERE number <= ?", (last_now,))
    _write_link(connection, _ANCHOR, Link(last_now, row[0]))
    return last_now < last_to_go


def _kept(rows: Iterator[tuple[int, bytes, bytes]]) -> Iterator[Kept]:
    for number, body, hash in rows:
        yield Kept(number, body, hash)


def _entry(number: int, body: bytes) -> NumberedEntry:
    try:
        return NumberedEntry(number, _decode(body))
    except msgspec.MsgspecError as error:
        raise Unusable(
            f"is damaged: entry {number} of the audit is not what was recorded",
            hint="`cube audit verify` tells where the chain breaks",
        ) from error


def _read_link(connection: sqlite3.Connection, name: str) -> Link:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None:
        return BEGINNING
    number, _, hash = row[0].partition(" ")
    return Link(int(number), bytes.fromhex(hash))


def _write_link(connection: sqlite3.Connection, name: str, at: Link) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, f"{at.number} {at.hash.hex()}")
    )
