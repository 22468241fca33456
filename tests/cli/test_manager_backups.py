"""`cube manager backup`, `restore` and `recover`."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cube.core.attention import about_manager
from cube.store.backup import verify
from cube.wire.views import BackupView
from cube.wire.watch import AttentionView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json
from tests.store.ledger_builders import a_commit, opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a manager that does not run."""

    async def fill() -> None:
        async with opened(tmp_path / "data") as ledger:
            await ledger.commit(a_commit(1))

    asyncio.run(fill())
    return tmp_path / "data"


def a_view(path: Path) -> BackupView:
    return BackupView(path=str(path), revision=7, bytes=2048, at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_running_manager_makes_the_backup(
    cube: Cube, manager: FakeManager, tmp_path: Path
) -> None:
    manager.answer("POST", "/backup", json(a_view(tmp_path / "b.db"), 201))
    result = cube("manager", "backup")

    assert (result.code, result.out) == (0, f"{tmp_path / 'b.db'}\n")
    assert "revision 7, 2 KiB" in result.err


@pytest.mark.parametrize("named", ["copy.db", ""])
def test_a_copy_is_put_where_it_is_wanted(
    cube: Cube, manager: FakeManager, tmp_path: Path, named: str
) -> None:
    source, place = tmp_path / "b.db", tmp_path / "place"
    source.write_text("the ledger")
    place.mkdir()
    manager.answer("POST", "/backup", json(a_view(source), 201))
    result = cube("manager", "backup", str(place / named))

    [copy] = place.iterdir()
    assert (result.code, result.out) == (0, f"{copy}\n")
    assert copy.name == (named or "b.db")
    assert copy.read_text() == "the ledger"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_the_backup_of_a_manager_elsewhere_is_not_looked_for_here(
    cube: Cube, manager: FakeManager, tmp_path: Path
) -> None:
    manager.answer("POST", "/backup", json(a_view(Path("/nowhere/b.db")), 201))
    result = cube("manager", "backup", str(tmp_path / "copy.db"))

    assert result.code == 1
    assert "/nowhere/b.db on the manager's machine" in result.err


def test_a_copy_that_cannot_be_written_is_told_of(
    cube: Cube, manager: FakeManager, tmp_path: Path
) -> None:
    (tmp_path / "b.db").write_text("the ledger")
    manager.answer("POST", "/backup", json(a_view(tmp_path / "b.db"), 201))
    result = cube("manager", "backup", str(tmp_path / "no" / "copy.db"))

    assert result.code == 1
    assert "cannot be copied to" in result.err


def test_without_a_manager_the_ledger_itself_is_copied(cube: Cube, data: Path) -> None:
    result = cube("manager", "backup", "--data", str(data))

    assert result.code == 0
    assert verify(Path(result.out.strip())).revision == 1


def test_a_manager_that_was_named_and_is_away_is_not_worked_around(
    cube: Cube, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cube.cli.manager.data_directory", lambda _: data)
    assert cube("manager", "backup", "-m", "127.0.0.1:1").code == 7
    monkeypatch.setenv("CUBE_MANAGER", "127.0.0.1:1")
    result = cube("manager", "backup")

    assert result.code == 0
    assert str(data) in result.out


def test_a_backup_is_put_back_and_the_user_told_what_follows(cube: Cube, data: Path) -> None:
    backup = cube("manager", "backup", "--data", str(data)).out.strip()
    result = cube("manager", "restore", backup, "--data", str(data))

    assert result.code == 0
    assert result.out == f"cluster cluster-1 at revision 1, from {backup}\n"
    assert "the former ledger is kept in" in result.err
    assert "cube manager recover --accept" in result.err


def test_a_file_that_is_no_backup_is_refused(cube: Cube, data: Path) -> None:
    result = cube("manager", "restore", str(data / "nothing.db"), "--data", str(data))

    assert result.code == 1
    assert "nothing.db is not there" in result.err


def test_a_whole_ledger_needs_no_recovery(cube: Cube, data: Path) -> None:
    result = cube("manager", "recover", "--data", str(data))

    assert (result.code, result.out) == (0, "")
    assert "the ledger is whole" in result.err


def test_a_damaged_ledger_is_recovered_and_unusable_backups_are_named(
    cube: Cube, data: Path
) -> None:
    backup = cube("manager", "backup", "--data", str(data)).out.strip()
    Path(backup).write_text("rubbish")
    (data / "ledger.db").write_bytes(b"\0" * 4096)
    refused = cube("manager", "recover", "--data", str(data))
    assert refused.code == 1
    assert "--cluster" in refused.err
    result = cube("manager", "recover", "--data", str(data), "--cluster", "c-7")

    assert result.code == 0
    assert f"not used: {backup}" in result.err
    assert "cluster c-7 at revision 0, from no backup" in result.out


def test_a_recovery_that_waits_is_ended_by_request(cube: Cube, manager: FakeManager) -> None:
    manager.answer("POST", "/recovery/end", json(None, 204))
    result = cube("manager", "recover", "--accept")

    assert result.code == 0
    assert "the recovery has ended" in result.err


def test_status_says_that_the_ledger_is_being_recovered(cube: Cube, manager: FakeManager) -> None:
    [concern] = about_manager(recovering="w1", trouble="")
    told = AttentionView(errors=1, warnings=0, notices=0, concerns=(concern,))
    manager.answer("GET", "/attention", json(told))
    assert "the ledger is being recovered: w1" in cube("status").err
