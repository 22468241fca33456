"""The tables of the ledger, as the numbered steps that made them what they are.

A step that was released is never edited: ledgers out there have taken it. A new one is appended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from cube.store.database import transaction
from cube.store.failures import Unusable

APPLICATION_ID = int.from_bytes(
    b"cube"
)  # in the file's header: tells our file from any other SQLite database

Step = Sequence[str]

# Records are found by their id and are otherwise opaque (`records`), so a new field of a struct needs no step here.
# The tables keep SQLite's rowid: with records of 200 to 600 bytes it writes three times as fast as WITHOUT ROWID.
STEPS: Sequence[Step] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE tasks (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE allocations (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE nodes (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE requests (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX requests_by_age ON requests (at_ms)",
        "CREATE TABLE events (revision INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
        " task_id TEXT, node_id TEXT, body BLOB NOT NULL)",
        "CREATE INDEX events_of_task ON events (task_id) WHERE task_id IS NOT NULL",
        "CREATE INDEX events_of_node ON events (node_id) WHERE node_id IS NOT NULL",
        "CREATE INDEX events_of_kind ON events (kind)",
    ),
    (
        "CREATE TABLE tokens (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE audit (number INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL)",
    ),
    (
        "CREATE TABLE join_tokens (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE credentials (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
    ),
    (
        "CREATE TABLE secrets (name TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL,"
        " at_ms INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (name, version))",
        "CREATE TABLE accounts (registry TEXT PRIMARY KEY, username TEXT NOT NULL, at_ms INTEGER NOT NULL,"
        " sealed BLOB NOT NULL)",
    ),
)


def migrate(
    connection: sqlite3.Connection,
    ledger: Path,
    *,
    mint_cluster_id: Callable[[], str],
    steps: Sequence[Step] = STEPS,
) -> None:
    """Bring the file to the newest schema; a new file gets its cluster id with the first step.

    Each step is one transaction. Before the first step on a file that holds something, a copy is kept beside it.
    Unusable when the file is another program's, or of a newer cube.
    """
    version = check_version(connection, steps)
    if 0 < version < len(steps):
        _keep_copy(connection, ledger.with_name(f"{ledger.name}.schema-{version}"))
    for number in range(version + 1, len(steps) + 1):
        with transaction(connection):
            for statement in steps[number - 1]:
                connection.execute(statement)
            if number == 1:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(
                    "INSERT INTO meta VALUES ('cluster_id', ?)", (mint_cluster_id(),)
                )
            connection.execute(f"PRAGMA user_version = {number}")


def check_version(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> int:
    """Return the schema of the file, 0 for an empty one. Unusable when it is not ours, or of a newer cube."""
    version = _version(connection)
    if version > len(steps):
        raise Unusable(
            f"was written by a newer cube (schema {version}; this one knows {len(steps)})",
            hint="start that version of cube, or one after it",
        )
    return version


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    ours = application == APPLICATION_ID and version > 0
    if tables and not ours:
        raise Unusable(
            "is the database of another program", hint="choose a data directory of cube's own"
        )
    return int(version)


def _keep_copy(connection: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)  # of an attempt that was interrupted
    copy.touch(mode=0o600)
    # Not the backup API: that starts again with every write it meets.
    connection.execute("VACUUM INTO ?", (str(copy),))
