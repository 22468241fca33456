"""The recorded events: reading them back, and forgetting the oldest. Revisions grow by one, but for what was lost."""

from __future__ import annotations

import sqlite3

from cube.model.event import TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.store.records import EVENTS, unseal
from cube.store.tables import read_lineage

PRUNED_AT_ONCE = 5_000  # rows in one transaction, so that commits do not wait for long


def read_events(
    connection: sqlite3.Connection,
    *,
    after: int,
    limit: int,
    newest: bool,
    task_id: TaskId | None,
    node_id: NodeId | None,
    kind: str | None,
) -> list[TaskEvent]:
    """Return up to `limit` events of a later revision that fit, oldest first: the first ones, or the newest."""
    wanted = {"task_id": task_id, "node_id": node_id, "kind": kind and str(kind)}
    wanted = {column: value for column, value in wanted.items() if value}
    conditions = ["revision > ?", *(f"{column} = ?" for column in wanted)]
    # One row with everything, because each row that SQLite steps to costs a fight for the interpreter lock (`tables`).
    (found,) = connection.execute(
        "SELECT group_concat(revision || ':' || hex(body)) FROM (SELECT revision, body FROM events"
        f" WHERE {' AND '.join(conditions)} ORDER BY revision {'DESC' if newest else 'ASC'} LIMIT ?)",
        (after, *wanted.values(), limit),
    ).fetchone()
    rows = (row.split(":") for row in found.split(",")) if found else ()
    events = [unseal(revision, bytes.fromhex(body), EVENTS) for revision, body in rows]
    return sorted(events, key=lambda event: event.revision)


def oldest_revision(connection: sqlite3.Connection) -> int:
    """Return the revision of the oldest event that is kept, 0 where there is none."""
    (oldest,) = connection.execute("SELECT min(revision) FROM events").fetchone()
    return oldest or 0


def prune(connection: sqlite3.Connection, *, events_kept: int, requests_before_ms: int) -> bool:
    """Forget some events beyond the newest `events_kept` and some requests answered before that time.

    Return whether there are more to forget. The newest event always stays: the next revision follows from it.
    """
    oldest = oldest_revision(connection)
    (newest,) = connection.execute("SELECT max(revision) FROM events").fetchone()
    last_to_go = read_lineage(connection).back(newest or 0, max(events_kept, 1))
    last_now = min(last_to_go, oldest + PRUNED_AT_ONCE - 1)
    connection.execute("DELETE FROM events WHERE revision <= ?", (last_now,))
    requests = connection.execute(
        "DELETE FROM requests WHERE rowid IN"
        " (SELECT rowid FROM requests WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
        (requests_before_ms, PRUNED_AT_ONCE),
    ).rowcount
    return last_now < last_to_go or requests == PRUNED_AT_ONCE
