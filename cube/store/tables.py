"""The SQL of the records: writing the rows of a transaction, reading the state back.

Each row is not a statement of its own: Python's sqlite3 lets go of the interpreter lock for every step of a statement,
and with a busy event loop gets it back only after up to 5 ms. One statement with many rows steps once; measured beside
a busy loop, 47,000 rows a second instead of 2,200.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import TypeVar

import msgspec

from cube.core.effects import Snapshot
from cube.model.lineage import Lineage
from cube.model.membership import Credential, JoinToken
from cube.model.token import Token
from cube.store import audit
from cube.store.failures import Unusable
from cube.store.records import (
    ALLOCATIONS,
    CREDENTIALS,
    JOIN_TOKENS,
    NODES,
    REQUESTS,
    TASKS,
    TOKENS,
    RequestRecord,
    Rows,
    seal_lineage,
    unseal,
    unseal_lineage,
)

T = TypeVar("T")
Row = Sequence[object]

ROWS_PER_STATEMENT = 500  # more gain nothing, and a prepared statement takes memory for each


def write(connection: sqlite3.Connection, rows: Rows) -> None:
    """Store the rows. Inside a transaction of the caller."""
    _write_records(connection, "tasks", rows.tasks)
    _write_records(connection, "allocations", rows.allocations)
    _write_records(connection, "nodes", rows.nodes)
    _write_records(connection, "tokens", rows.tokens)
    _write_records(connection, "join_tokens", rows.join_tokens)
    _write_records(connection, "credentials", rows.credentials)
    audit.append(connection, rows.audit)
    if rows.lineage is not None:
        write_lineage(connection, rows.lineage)
    _execute(connection, "INSERT INTO events VALUES {}", rows.events)
    _execute(
        connection,
        "INSERT INTO requests VALUES {} ON CONFLICT (id)"
        " DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
        [(key, at_ms, body) for key, (at_ms, body) in rows.requests.items()],
    )


def read_state(connection: sqlite3.Connection) -> Snapshot:
    """Return everything decisions are made from."""
    cluster_id = connection.execute("SELECT value FROM meta WHERE name = 'cluster_id'").fetchone()
    if cluster_id is None:
        raise Unusable("is damaged: it does not say which cluster it is of")
    return Snapshot(
        cluster_id=cluster_id[0],
        revision=read_revision(connection),
        lineage=read_lineage(connection),
        tasks=_read_records(connection, "tasks", TASKS),
        allocations=_read_records(connection, "allocations", ALLOCATIONS),
        nodes=_read_records(connection, "nodes", NODES),
    )


def read_membership(connection: sqlite3.Connection) -> tuple[list[JoinToken], list[Credential]]:
    """Return who may join, and what is known of those who have."""
    return (
        _read_records(connection, "join_tokens", JOIN_TOKENS),
        _read_records(connection, "credentials", CREDENTIALS),
    )


def read_revision(connection: sqlite3.Connection) -> int:
    """Return the revision of the newest change on record."""
    (newest,) = connection.execute("SELECT max(revision) FROM events").fetchone()
    return max(newest or 0, read_lineage(connection).revision)


def read_lineage(connection: sqlite3.Connection) -> Lineage:
    """Return what the ledger knows of losses."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'lineage'").fetchone()
    return unseal_lineage(row[0]) if row else Lineage()


def write_lineage(connection: sqlite3.Connection, lineage: Lineage) -> None:
    """Store what the ledger knows of losses. Inside a transaction of the caller."""
    sealed = seal_lineage(lineage)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('lineage', ?)", (sealed,))


def read_tokens(connection: sqlite3.Connection) -> list[Token]:
    """Return what is on record of every token."""
    return _read_records(connection, "tokens", TOKENS)


def read_request(connection: sqlite3.Connection, key: str) -> RequestRecord | None:
    """Return what was recorded under the idempotency key."""
    row = connection.execute("SELECT body FROM requests WHERE id = ?", (key,)).fetchone()
    return None if row is None else unseal(key, row[0], REQUESTS)


def _read_records(
    connection: sqlite3.Connection, table: str, decoder: msgspec.msgpack.Decoder[T]
) -> list[T]:
    # Closed also when a record is damaged: a cursor left half-way keeps the file locked, whatever else is closed.
    with closing(connection.execute(f"SELECT id, body FROM {table} ORDER BY rowid")) as found:
        return [unseal(id, body, decoder) for id, body in found]


def _write_records(
    connection: sqlite3.Connection, table: str, records: dict[str, bytes | None]
) -> None:
    kept = [(id, body) for id, body in records.items() if body is not None]
    deleted = [(id,) for id, body in records.items() if body is None]
    _execute(
        connection,
        f"INSERT INTO {table} VALUES {{}} ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        kept,
    )
    _execute(connection, f"DELETE FROM {table} WHERE id IN (VALUES {{}})", deleted)


def _execute(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Execute the statement with places for the rows where it says `{}`, in as few steps as fit."""
    for some in _chunks(connection, rows):
        places = f"({','.join('?' * len(some[0]))})"
        text = statement.format(",".join([places] * len(some)))
        connection.execute(text, list(chain.from_iterable(some)))


def _chunks(connection: sqlite3.Connection, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    if rows:
        # 999 values in SQLite before 3.32
        most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        size = min(ROWS_PER_STATEMENT, most // len(rows[0]))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
