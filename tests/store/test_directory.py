from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cube.errors import LedgerBroken, LedgerHeld, NotAllowed
from cube.store.directory import DataDirectory
from tests.house.checkout import ROOT
from tests.store.ledger_builders import NOW, a_commit, opened

SECOND_MANAGER = """
import asyncio, sys, time
from pathlib import Path
from cube.errors import LedgerHeld
from cube.store.ledger import Ledger

began = time.monotonic()
try:
    asyncio.run(Ledger.open(Path(sys.argv[1]), mint_cluster_id=lambda: "c", now_ms=0))
except LedgerHeld as error:
    print(time.monotonic() - began, error.message, sep="|")
"""


def modes_in(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def test_the_directory_is_made_and_closed_to_others(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    for path in (open_to_all, tmp_path / "new" / "manager"):
        DataDirectory.take(path, now_ms=NOW).release()

        assert path.stat().st_mode & 0o777 == 0o700


async def test_every_file_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1))
        modes = modes_in(tmp_path)

    names = ("ledger.db", "ledger.db-wal", "ledger.witness", "manager.pid")
    assert modes == dict.fromkeys(names, 0o600)


async def test_a_second_manager_is_told_who_holds_the_directory_and_since_when(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path):
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", SECOND_MANAGER, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )

    seconds, message = second.stdout.strip().split("|")
    assert float(seconds) < 1
    assert message == (
        f"the data directory {tmp_path} is held by a manager"
        f" (pid {os.getpid()}, since 2023-11-14T22:13:20+00:00)"
    )


def test_in_one_process_too_there_is_one_holder(tmp_path: Path) -> None:
    holder = DataDirectory.take(tmp_path, now_ms=NOW)
    with pytest.raises(LedgerHeld):
        DataDirectory.take(tmp_path, now_ms=NOW)
    holder.release()
    DataDirectory.take(tmp_path, now_ms=NOW).release()


def test_a_holder_that_has_not_written_its_name_yet_is_another_manager(tmp_path: Path) -> None:
    holder = DataDirectory.take(tmp_path, now_ms=NOW)
    (tmp_path / "manager.pid").write_text("")
    with pytest.raises(LedgerHeld, match="held by another manager"):
        DataDirectory.take(tmp_path, now_ms=NOW)
    holder.release()


def test_the_next_holder_knows_whether_the_ledger_was_closed(tmp_path: Path) -> None:
    first = DataDirectory.take(tmp_path, now_ms=NOW)
    first.ledger_opened()
    first.release()
    second = DataDirectory.take(tmp_path, now_ms=NOW)
    assert second.unclean
    second.ledger_closed()
    second.release()
    third = DataDirectory.take(tmp_path, now_ms=NOW)
    assert not third.unclean
    third.release()

    assert (tmp_path / "manager.pid").read_text() == ""


def test_the_next_holder_knows_of_a_ledger_that_was_being_made(tmp_path: Path) -> None:
    first = DataDirectory.take(tmp_path, now_ms=NOW)
    first.ledger_begins()
    first.release()
    second = DataDirectory.take(tmp_path, now_ms=NOW)
    assert second.unfinished
    assert not second.unclean
    second.ledger_closed()
    second.release()
    third = DataDirectory.take(tmp_path, now_ms=NOW)
    assert not third.unfinished
    third.release()


def test_a_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path.stat().st_uid + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)

    with pytest.raises(NotAllowed, match=f"not to user {stranger}"):
        DataDirectory.take(tmp_path, now_ms=NOW)


def test_a_link_that_another_user_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    (tmp_path / "target").mkdir()
    DataDirectory.take(link, now_ms=NOW).release()  # one's own is followed

    mine = link.lstat()
    planted = os.stat_result((*mine[:4], mine.st_uid + 1, *mine[5:]))
    monkeypatch.setattr(Path, "lstat", lambda self: planted)
    with pytest.raises(NotAllowed, match="a link made by"):
        DataDirectory.take(link, now_ms=NOW)


def test_a_path_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LedgerBroken, match=f"{tmp_path}/file cannot be used"):
        DataDirectory.take(tmp_path / "file", now_ms=NOW)


def test_a_pid_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "manager.pid").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LedgerBroken):
        DataDirectory.take(tmp_path, now_ms=NOW)
    assert not (tmp_path / "elsewhere").exists()
