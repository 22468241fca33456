"""The sealed accounts at registries in the ledger. No password comes here open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cube.model.account import SealedAccount
from cube.model.audit import AuditEntry
from cube.store import audit as audit_table
from cube.store.records import encode_entries


def put(
    connection: sqlite3.Connection, account: SealedAccount, *, audit: Iterable[AuditEntry]
) -> None:
    """Keep the account in place of any other at its registry, and note who did. Inside a transaction of the caller."""
    row = (account.registry, account.username, account.at_ms, account.sealed)
    connection.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", row)
    audit_table.append(connection, encode_entries(audit))


def remove(connection: sqlite3.Connection, registry: str, *, audit: Iterable[AuditEntry]) -> bool:
    """Forget the account and return whether there was one; then note who did. Inside a transaction of the caller."""
    found = connection.execute("DELETE FROM accounts WHERE registry = ?", (registry,)).rowcount
    if found:
        audit_table.append(connection, encode_entries(audit))
    return bool(found)


def everything(connection: sqlite3.Connection) -> list[SealedAccount]:
    """Return the accounts, by registry."""
    found = connection.execute("SELECT registry, username, at_ms, sealed FROM accounts ORDER BY 1")
    return [SealedAccount(*row) for row in found.fetchall()]
