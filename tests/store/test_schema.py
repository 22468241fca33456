from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from cube.errors import LedgerBroken
from cube.store.schema import STEPS, migrate
from tests.store.ledger_builders import a_commit, edit, opened

SECOND = ("ALTER TABLE nodes ADD COLUMN zone TEXT", "UPDATE nodes SET zone = 'eu-1'")
NEWEST = len(STEPS)
BROKEN = ("ALTER TABLE nodes ADD COLUMN zone TEXT", "UPDATE nothing SET zone = 'eu-1'")


async def of_this_version(directory: Path) -> Path:
    """Make a ledger of the newest schema, and return its file."""
    async with opened(directory) as ledger:
        await ledger.commit(a_commit(1))
    return directory / "ledger.db"


def version_of(ledger: Path) -> int:
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def tables_of(ledger: Path) -> list[tuple[str]]:
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        return connection.execute("SELECT sql FROM sqlite_master").fetchall()


def migrated(ledger: Path, *more: tuple[str, ...]) -> None:
    with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        migrate(connection, ledger, mint_cluster_id=lambda: "other", steps=[*STEPS, *more])


async def test_an_older_ledger_is_brought_up_step_by_step(tmp_path: Path) -> None:
    ledger = await of_this_version(tmp_path)
    migrated(ledger, SECOND, ("CREATE TABLE third (a)",))

    assert version_of(ledger) == NEWEST + 2
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
        cluster_id = connection.execute("SELECT value FROM meta").fetchone()
    assert cluster_id == ("cluster-1",)


async def test_a_copy_of_the_older_ledger_is_kept(tmp_path: Path) -> None:
    ledger = await of_this_version(tmp_path)
    copy = tmp_path / f"ledger.db.schema-{NEWEST}"
    copy.write_bytes(b"of an attempt that was interrupted")
    migrated(ledger, SECOND)

    assert version_of(copy) == NEWEST
    assert copy.stat().st_mode & 0o777 == 0o600


async def test_a_step_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    ledger = await of_this_version(tmp_path)
    before = tables_of(ledger)
    with pytest.raises(sqlite3.OperationalError):
        migrated(ledger, BROKEN)

    assert (version_of(ledger), tables_of(ledger)) == (NEWEST, before)
    async with opened(tmp_path) as opened_ledger:
        assert (await opened_ledger.load()).revision == 1


async def test_a_ledger_of_the_newest_schema_is_not_copied(tmp_path: Path) -> None:
    copy = (await of_this_version(tmp_path)).with_name(f"ledger.db.schema-{NEWEST}")
    async with opened(tmp_path):
        pass

    assert not copy.exists()


async def test_a_ledger_of_a_newer_cube_is_refused_and_not_changed(tmp_path: Path) -> None:
    ledger = await of_this_version(tmp_path)
    edit(ledger, lambda connection: connection.execute("PRAGMA user_version = 99"))
    with pytest.raises(LedgerBroken, match=f"newer cube .schema 99; this one knows {len(STEPS)}"):
        async with opened(tmp_path):
            pass

    assert version_of(ledger) == 99
