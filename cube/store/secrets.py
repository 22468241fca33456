"""The sealed versions of secrets in the ledger. No value comes here open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cube.model.audit import AuditEntry
from cube.model.secret import SealedSecret
from cube.store import audit as audit_table
from cube.store.records import encode_entries

_COLUMNS = "name, version, revision, at_ms, sealed"


def put(
    connection: sqlite3.Connection,
    secret: SealedSecret,
    *,
    oldest: int,
    audit: Iterable[AuditEntry],
) -> None:
    """Add a version, forget those before `oldest`, and note who did. Inside a transaction of the caller."""
    row = (secret.name, secret.version, secret.revision, secret.at_ms, secret.sealed)
    connection.execute("INSERT INTO secrets VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("DELETE FROM secrets WHERE name = ? AND version < ?", (secret.name, oldest))
    audit_table.append(connection, encode_entries(audit))


def remove(connection: sqlite3.Connection, name: str, *, audit: Iterable[AuditEntry]) -> int:
    """Forget all versions and return how many there were. Inside a transaction of the caller.

    Who did is noted where there were any.
    """
    count = connection.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount
    if count:
        audit_table.append(connection, encode_entries(audit))
    return count


def versions(connection: sqlite3.Connection, name: str) -> list[SealedSecret]:
    """Return the versions of one secret that are kept, the oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM secrets WHERE name = ? ORDER BY version", (name,)
    )
    return [SealedSecret(*row) for row in found.fetchall()]


def newest(connection: sqlite3.Connection) -> list[SealedSecret]:
    """Return the newest version of each secret, by name."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM secrets AS one WHERE version ="
        " (SELECT max(version) FROM secrets WHERE name = one.name) ORDER BY name"
    )
    return [SealedSecret(*row) for row in found.fetchall()]
