"""The sealed versions of secrets in the ledger. No value comes here open."""

from __future__ import annotations

import sqlite3

from cube.model.secret import SealedSecret

_COLUMNS = "name, version, revision, at_ms, sealed"


def put(connection: sqlite3.Connection, secret: SealedSecret, *, oldest: int) -> None:
    """Add a version, and forget those before `oldest`. Inside a transaction of the caller."""
    row = (secret.name, secret.version, secret.revision, secret.at_ms, secret.sealed)
    connection.execute("INSERT INTO secrets VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("DELETE FROM secrets WHERE name = ? AND version < ?", (secret.name, oldest))


def remove(connection: sqlite3.Connection, name: str) -> int:
    """Forget all versions and return how many there were. Inside a transaction of the caller."""
    return connection.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount


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
