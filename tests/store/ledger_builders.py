"""What the tests of the store share: opening a ledger, and commits that are easy to recognise."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from cube.core.effects import Snapshot, Writes
from cube.model.event import EventKind, TaskEvent
from cube.store.ledger import Ledger, RequestRecord
from tests.builders import a_task

NOW = 1_700_000_000_000


@contextlib.asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Ledger]:
    """The ledger of this directory, closed at the end."""
    ledger = await Ledger.open(directory, mint_cluster_id=lambda: "cluster-1", now_ms=NOW)
    try:
        yield ledger
    finally:
        await ledger.close()


def an_event(revision: int, **fields: Any) -> TaskEvent:
    """Return the event of this revision."""
    defaults: dict[str, Any] = {"at_ms": NOW + revision, "kind": EventKind.TASK_CHANGED}
    return TaskEvent(revision=revision, **defaults | fields)


def a_commit(revision: int, name: str = "web") -> Writes:
    """Return the writes of one change: a task at this revision, with its event."""
    task = a_task(name=name, revision=revision)
    return Writes(tasks={task.id: task}, events=[an_event(revision, task_id=task.id, task=name)])


def a_request(key: str, at_ms: int = NOW, **fields: Any) -> RequestRecord:
    """Return the record of an answered request."""
    defaults: dict[str, Any] = {"fingerprint": "f", "status": 201, "body": b"{}"}
    return RequestRecord(key=key, at_ms=at_ms, **defaults | fields)


def contents(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot with its records by id, to be compared."""
    records = {
        name: {record.id: record for record in getattr(snapshot, name)}
        for name in ("tasks", "allocations", "nodes")
    }
    return msgspec.structs.asdict(snapshot) | records


def edit(ledger: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change the file of a closed ledger behind cube's back."""
    with contextlib.closing(sqlite3.connect(ledger)) as connection, connection:
        change(connection)
