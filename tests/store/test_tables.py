from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.store import tables
from cube.store.records import rows_of
from cube.store.schema import migrate
from tests.builders import a_task
from tests.store.ledger_builders import a_request, an_event

MANY = tables.ROWS_PER_STATEMENT * 2 + 7


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("ledger.db"), mint_cluster_id=lambda: "cluster-1")
    yield connection
    connection.close()


def test_more_rows_than_fit_one_statement_are_all_written(connection: sqlite3.Connection) -> None:
    tasks = [a_task(name=f"task-{number}") for number in range(MANY)]
    events = [an_event(revision) for revision in range(1, MANY + 1)]
    writes = Writes(tasks={task.id: task for task in tasks}, events=events)
    tables.write(connection, rows_of(writes, None))

    assert tables.read_state(connection).tasks == tasks
    assert tables.read_state(connection).revision == MANY

    tables.write(connection, rows_of(Writes(tasks=dict.fromkeys(writes.tasks)), None))
    assert tables.read_state(connection).tasks == []


def test_an_sqlite_that_takes_few_values_at_once_is_served(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)
    events = [an_event(revision) for revision in range(1, MANY)]
    tables.write(connection, rows_of(Writes(events=events), None))

    assert tables.read_state(connection).revision == MANY - 1


def test_many_rows_are_few_statements(connection: sqlite3.Connection) -> None:
    executed: list[str] = []
    connection.set_trace_callback(executed.append)
    events = [an_event(revision) for revision in range(1, MANY)]
    tables.write(connection, rows_of(Writes(events=events), None))

    assert len(executed) == 3


def test_records_are_read_in_the_order_they_were_first_written(
    connection: sqlite3.Connection,
) -> None:
    first, second = a_task(name="z"), a_task(name="a")
    for task in (first, second, first):
        tables.write(connection, rows_of(Writes(tasks={task.id: task}), None))

    assert tables.read_state(connection).tasks == [first, second]


def test_a_request_is_found_by_its_whole_key_only(connection: sqlite3.Connection) -> None:
    request = a_request("key-1")
    tables.write(connection, rows_of(Writes(), request))

    assert tables.read_request(connection, "key-1") == request
    assert tables.read_request(connection, "key") is None
