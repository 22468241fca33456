"""Whole copies of a ledger: made while it is written to, and read back before anybody relies on them."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.errors import CubeError, LedgerBroken, LedgerFull
from cube.model.lineage import Lineage
from cube.store import backup as backups
from cube.store.backup import Backup, backups_in, forget_old, put_back, verify, write_backup
from cube.store.ledger import Ledger
from cube.store.tables import read_state
from tests.builders import a_node
from tests.store.ledger_builders import NOW, a_commit, a_request, contents, edit, opened


async def filled(ledger: Ledger, changes: int = 30) -> None:
    """Record some tasks, a request and a node."""
    node = a_node()
    await ledger.commit(Writes(nodes={node.id: node}), a_request("k1"))
    for revision in range(1, changes + 1):
        await ledger.commit(a_commit(revision, name=f"task-{revision}"))


async def a_backup(data: Path, changes: int = 30) -> Backup:
    """Return a backup of a ledger that is closed."""
    async with opened(data) as ledger:
        await filled(ledger, changes)
        return await ledger.backup(now_ms=NOW)


def refusal(path: Path) -> LedgerBroken:
    """Return why this is no backup to rely on."""
    with pytest.raises(LedgerBroken) as refused:
        verify(path)
    assert str(path) in refused.value.message
    assert "recover" not in refused.value.hint
    return refused.value


# -- making one ---------------------------------------------------------------------------------------------------


async def test_a_backup_holds_what_the_ledger_holds(ledger: Ledger, tmp_path: Path) -> None:
    await filled(ledger)
    backup = await ledger.backup(now_ms=NOW)

    assert contents(verify(backup.path)) == contents(await ledger.load())
    assert backup.path == tmp_path / "data" / "backups" / "ledger-20231114T221320Z-r30.db"
    assert (backup.revision, backup.bytes) == (30, backup.path.stat().st_size)
    assert backups_in(tmp_path / "data") == [backup]


async def test_nobody_else_can_read_a_backup_which_is_one_file_alone(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path / "data")

    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.path.parent.stat().st_mode) == 0o700
    assert list(backup.path.parent.iterdir()) == [backup.path]
    verify(backup.path)
    assert list(backup.path.parent.iterdir()) == [backup.path]


async def test_commits_go_on_while_a_backup_is_made(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "PAGES_AT_ONCE", 1)
    await filled(ledger, 100)
    copying = asyncio.create_task(ledger.backup(now_ms=NOW))
    recorded = 100
    while not copying.done():
        recorded += 1
        await ledger.commit(a_commit(recorded))
    backup = await copying

    assert recorded > 101, "nothing was recorded meanwhile"
    snapshot = verify(backup.path)
    assert 100 < snapshot.revision == backup.revision <= recorded
    # The task of a commit and its event are both in it, or neither is.
    assert [task.revision for task in snapshot.tasks if task.name == "web"] in (
        [],
        [snapshot.revision],
    )
    assert (await ledger.load()).revision == recorded


async def test_a_ledger_that_is_closed_meanwhile_leaves_no_half_of_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "PAGES_AT_ONCE", 1)
    async with opened(tmp_path) as ledger:
        await filled(ledger, 200)
        copying = asyncio.create_task(ledger.backup(now_ms=NOW))
        await asyncio.sleep(0)
    with pytest.raises(CubeError):
        await copying

    assert list((tmp_path / "backups").iterdir()) == []


async def test_no_room_for_a_backup_is_no_reason_to_refuse_changes(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(ledger, 5)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "sync", full)
    with pytest.raises(LedgerFull) as refused:
        await ledger.backup(now_ms=NOW)
    assert str(tmp_path / "data" / "backups") in refused.value.message
    assert list((tmp_path / "data" / "backups").iterdir()) == []
    await ledger.commit(a_commit(6))

    assert (await ledger.load()).revision == 6


def test_a_disk_that_fails_in_the_middle_leaves_the_backups_there_were(tmp_path: Path) -> None:
    async def make() -> Backup:
        return await a_backup(tmp_path)

    backup = asyncio.run(make())

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with (
        closing(sqlite3.connect(tmp_path / "ledger.db")) as connection,
        pytest.raises(LedgerBroken) as refused,
    ):
        write_backup(connection, tmp_path, now_ms=NOW + 60_000, between=fail)
    assert "recover" not in refused.value.hint
    assert backups_in(tmp_path) == [backup]
    assert list(backup.path.parent.iterdir()) == [backup.path]


# -- which ones there are -----------------------------------------------------------------------------------------


def test_the_newest_are_kept_and_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    for hour in range(4):
        (place / f"ledger-20260101T0{hour}0000Z-r{hour + 5}.db").touch()
    (place / "mine.db").touch()
    assert [one.revision for one in backups_in(tmp_path)] == [8, 7, 6, 5]
    forget_old(tmp_path, kept=2)

    assert [one.revision for one in backups_in(tmp_path)] == [8, 7]
    assert (place / "mine.db").exists()
    assert backups_in(tmp_path / "elsewhere") == []


def test_a_backup_that_somebody_removed_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    path = tmp_path / "backups" / "ledger-20260101T000000Z-r5.db"
    path.touch()
    [backup] = backups_in(tmp_path)
    path.unlink()

    assert backup.bytes == 0


# -- relying on one -----------------------------------------------------------------------------------------------


async def test_flipped_bits_are_found_or_changed_nothing(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path, changes=300)  # most of its pages hold more than nothing
    whole, contained = backup.path.read_bytes(), contents(verify(backup.path))
    draw = random.Random(3)
    found = 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        backup.path.write_bytes(damaged)
        try:
            assert contents(verify(backup.path)) == contained
        except LedgerBroken:
            found += 1
    assert found > 10


async def test_a_schema_that_is_no_text_is_found(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    whole = backup.path.read_bytes()
    assert b"CREATE INDEX" in whole
    backup.path.write_bytes(whole.replace(b"CREATE INDEX", b"CREATE IND\xefX"))
    refusal(backup.path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
async def test_a_truncated_backup_is_refused(tmp_path: Path, share: float) -> None:
    backup = await a_backup(tmp_path)
    whole = backup.path.read_bytes()
    backup.path.write_bytes(whole[: int(len(whole) * share)])
    refusal(backup.path)


@pytest.mark.parametrize("table", ["events", "requests", "tasks", "nodes"])
async def test_a_record_that_is_not_what_was_stored_is_found(tmp_path: Path, table: str) -> None:
    backup = await a_backup(tmp_path)
    edit(
        backup.path,
        lambda connection: connection.execute(f"UPDATE {table} SET body = zeroblob(40)"),
    )
    refusal(backup.path)


async def test_what_is_said_of_lost_history_is_checked_too(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    edit(
        backup.path,
        lambda connection: connection.execute("INSERT INTO meta VALUES ('lineage', '0 {}')"),
    )
    assert "lost history" in refusal(backup.path).message


async def test_a_backup_of_a_newer_cube_is_refused(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    edit(backup.path, lambda connection: connection.execute("PRAGMA user_version = 99"))
    assert "newer cube" in refusal(backup.path).message


def test_other_files_are_no_backups(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "nothing.db").message
    text = tmp_path / "text.db"
    text.write_text("not a database" * 100)
    refusal(text)
    foreign = tmp_path / "foreign.db"
    edit(foreign, lambda connection: connection.execute("CREATE TABLE mine (id)"))
    refusal(foreign)


async def test_a_copy_of_a_ledger_whose_log_is_not_in_it_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as ledger:
        await filled(ledger)
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
    refused = refusal(tmp_path / "copy" / "ledger.db")
    assert "changes in ledger.db-wal that are not in it" in refused.message


async def test_a_ledger_that_was_closed_is_as_good_as_a_backup(tmp_path: Path) -> None:
    await a_backup(tmp_path / "data")
    assert verify(tmp_path / "data" / "ledger.db").revision == 30


# -- going on from one --------------------------------------------------------------------------------------------


async def test_what_is_made_of_a_backup_knows_that_it_lost_what_came_after(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path / "data")
    fresh = tmp_path / "fresh.db"

    assert put_back(backup.path, fresh, now_ms=NOW) == 30
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    with closing(sqlite3.connect(fresh)) as connection:
        snapshot = read_state(connection)
    assert snapshot.lineage == Lineage().put_back(30, now_ms=NOW)
    assert snapshot.revision == snapshot.lineage.revision
    assert contents(snapshot)["tasks"] == contents(verify(backup.path))["tasks"]


async def test_when_it_cannot_be_made_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await a_backup(tmp_path / "data")

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(backups, "sync", fail)
    with pytest.raises(OSError, match="Input/output"):
        put_back(backup.path, tmp_path / "fresh.db", now_ms=NOW)
    assert not (tmp_path / "fresh.db").exists()
