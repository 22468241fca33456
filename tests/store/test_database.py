from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cube.errors import LedgerBroken, ManagerAway, TimedOut
from cube.store.database import Database, transaction


@contextlib.contextmanager
def in_memory() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        yield connection


@pytest.fixture
async def database() -> Database:
    database = Database(Path("ledger.db"))
    await database.open(in_memory)
    return database


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT number FROM numbers")]


async def test_jobs_run_in_order_on_one_thread_that_is_not_the_loops(database: Database) -> None:
    threads = [
        await database.call(lambda connection: threading.get_ident(), within=5) for _ in range(3)
    ]
    await database.close(within=5)

    assert len(set(threads)) == 1 and threads[0] != threading.get_ident()


async def test_an_error_comes_back_in_cubes_words_with_its_cause(database: Database) -> None:
    with pytest.raises(LedgerBroken, match=r"ledger\.db") as failure:
        await database.call(lambda connection: connection.execute("nonsense"), within=5)
    assert isinstance(failure.value.__cause__, sqlite3.Error)

    assert await database.call(numbers, within=5) == []
    await database.close(within=5)


async def test_whoever_waits_too_long_is_told_and_the_work_is_still_done(
    database: Database,
) -> None:
    gate = threading.Event()

    def insert(connection: sqlite3.Connection) -> None:
        gate.wait(10)
        connection.execute("INSERT INTO numbers VALUES (1)")

    with pytest.raises(TimedOut):
        await database.call(insert, within=0.01)
    gate.set()

    assert await database.call(numbers, within=5) == [1]
    await database.close(within=5)


async def test_closing_does_what_was_handed_in_and_repeats_safely(database: Database) -> None:
    done: list[int] = []
    for number in range(10):
        database.post(partial(lambda number, connection: done.append(number), number))
    await database.close(within=5)
    await database.close(within=5)

    assert done == list(range(10))
    with pytest.raises(ManagerAway):
        await database.call(numbers, within=5)


async def test_an_opening_that_is_cancelled_leaves_nothing_open() -> None:
    entered, gate, left = threading.Event(), threading.Event(), threading.Event()

    @contextlib.contextmanager
    def slow() -> Iterator[sqlite3.Connection]:
        entered.set()
        gate.wait(10)
        with in_memory() as connection:
            yield connection
        left.set()

    opening = asyncio.create_task(Database(Path("ledger.db")).open(slow))
    await asyncio.to_thread(entered.wait, 10)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    gate.set()

    assert await asyncio.to_thread(left.wait, 10)


def test_a_transaction_that_fails_leaves_nothing() -> None:
    with in_memory() as connection:
        with pytest.raises(ZeroDivisionError), transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            _ = 1 / 0
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (2)")

        assert numbers(connection) == [2]
        assert not connection.in_transaction
