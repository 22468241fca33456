"""Putting a ledger back: whole or refused at every step, and what was there is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cube.errors import CubeError, LedgerBroken, LedgerHeld
from cube.model.lineage import Lineage
from cube.store.backup import backups_in
from cube.store.restoring import Restored, recover, restore, whole
from tests.store.ledger_builders import NOW, a_commit, contents, edit, opened

LATER = NOW + 3_600_000


async def a_history(data: Path) -> Path:
    """Make a closed ledger at revision 20 with backups at 5 and 10; return the backup at 5."""
    async with opened(data) as ledger:
        for revision in range(1, 21):
            await ledger.commit(a_commit(revision, name=f"task-{revision}"))
            if revision in (5, 10):
                await ledger.backup(now_ms=NOW + revision * 1_000)
    return backups_in(data)[-1].path


async def names_in(data: Path) -> list[str]:
    """The tasks that a manager finds there, in the order of their making."""
    async with opened(data) as ledger:
        snapshot = await ledger.load()
    return [task.name for task in sorted(snapshot.tasks, key=lambda task: task.revision)]


def tasks(count: int) -> list[str]:
    return [f"task-{revision}" for revision in range(1, count + 1)]


def damage(data: Path) -> None:
    ledger = data / "ledger.db"
    ledger.write_bytes(b"\0" * 100 + ledger.read_bytes()[100:])


# -- restore ------------------------------------------------------------------------------------------------------


async def test_a_backup_takes_the_place_of_the_ledger_which_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    backup = await a_history(data)
    former = (data / "ledger.db").read_bytes()
    restored = restore(data, backup, now_ms=LATER)

    assert restored == Restored("cluster-1", 5, backup, data / "replaced-20231114T231320.000Z")
    assert restored.aside is not None
    assert (restored.aside / "ledger.db").read_bytes() == former
    assert await names_in(data) == tasks(5)
    assert len(backups_in(data)) == 2


async def test_the_ledger_of_a_manager_that_was_killed_is_kept_with_its_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    backup = await a_history(tmp_path / "living")
    async with opened(tmp_path / "living") as ledger:
        await ledger.commit(a_commit(21, name="task-21"))
        shutil.copytree(tmp_path / "living", data)
    restored = restore(data, backup, now_ms=LATER)

    assert restored.aside is not None
    assert not (data / "ledger.db-wal").exists()
    assert await names_in(data) == tasks(5)
    assert sorted(path.name for path in restored.aside.iterdir()) == ["ledger.db", "ledger.db-wal"]
    assert await names_in(restored.aside) == tasks(21)


async def test_it_can_be_put_where_nothing_was(tmp_path: Path) -> None:
    backup = await a_history(tmp_path / "data")
    restored = restore(tmp_path / "new", backup, now_ms=LATER)

    assert restored.aside is None
    assert await names_in(tmp_path / "new") == tasks(5)


async def test_the_restored_ledger_knows_what_it_lost_and_numbers_go_on_behind_it(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    restore(data, await a_history(data), now_ms=LATER)
    async with opened(data) as ledger:
        snapshot = await ledger.load()
        assert snapshot.lineage == Lineage().put_back(5, now_ms=LATER)
        await ledger.commit(a_commit(snapshot.revision + 1, name="new"))
        assert await ledger.revision() == LATER * 1000 + 1


async def test_nothing_is_put_back_under_a_manager_that_runs(tmp_path: Path) -> None:
    backup = await a_history(tmp_path)
    async with opened(tmp_path) as ledger:
        with pytest.raises(LedgerHeld):
            restore(tmp_path, backup, now_ms=LATER)
        with pytest.raises(LedgerHeld):
            recover(tmp_path, cluster_id="", now_ms=LATER)
        await ledger.commit(a_commit(21, name="task-21"))

    assert await names_in(tmp_path) == tasks(21)


async def test_a_damaged_backup_changes_nothing(tmp_path: Path) -> None:
    backup = await a_history(tmp_path)
    backup.write_bytes(backup.read_bytes()[:-5000])
    with pytest.raises(LedgerBroken) as refused:
        restore(tmp_path, backup, now_ms=LATER)

    assert str(backup) in refused.value.message
    assert await names_in(tmp_path) == tasks(20)


class Crash(BaseException):
    """The process is killed here."""


@contextmanager
def dying_at(step: int) -> Iterator[list[str]]:
    """Be killed at the so many-th call that changes a file or a directory; yields the calls that were made."""
    done: list[str] = []

    def deadly(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **more: Any) -> Any:
            if len(done) == step:
                raise Crash(name)
            done.append(name)
            return call(*args, **more)

        return made

    names = ("link", "unlink", "mkdir", "replace", "fsync", "pwrite", "ftruncate")
    with contextlib.ExitStack() as patches:
        for name in names:
            patches.enter_context(patch.object(os, name, deadly(name, getattr(os, name))))
        yield done


@pytest.mark.parametrize("killed", [False, True])
async def test_a_crash_at_any_step_leaves_a_directory_that_is_refused_or_whole(
    tmp_path: Path, killed: bool
) -> None:
    living = tmp_path / "living"
    backup = await a_history(living)
    if killed:
        async with opened(living) as ledger:
            await ledger.commit(a_commit(21, name="task-21"))
            shutil.copytree(living, tmp_path / "killed")
        shutil.rmtree(living)
        (tmp_path / "killed").rename(living)
        backup = backups_in(living)[-1].path
    former = tasks(21 if killed else 20)
    seen: set[str] = set()
    for step in range(100):
        data = tmp_path / f"data-{step}"
        shutil.copytree(living, data)
        try:
            with dying_at(step):
                restore(data, backup, now_ms=LATER)
        except Crash:
            # What the next process finds. Here the dead one still holds its lock.
            left = shutil.copytree(data, tmp_path / f"left-{step}")
            seen.add(await state_of(left, former))
            restore(left, backup, now_ms=LATER + 1_000)
            assert await names_in(left) == tasks(5)
            assert former in await all_kept(left)
        else:
            assert await names_in(data) == tasks(5)
            break
    else:
        raise AssertionError("it never came to its end")
    assert step > 8
    assert seen == {"former", "refused", "restored"}


async def state_of(data: Path, former: list[str]) -> str:
    """What a manager would find there, without its changing anything."""
    looked_at = shutil.copytree(data, data.with_name(f"{data.name}-looked-at"))
    try:
        names = await names_in(looked_at)
    except LedgerBroken as refused:
        assert "cube manager recover" in refused.hint
        return "refused"
    assert names in (former, tasks(5))
    return "former" if names == former else "restored"


async def all_kept(data: Path) -> list[list[str]]:
    """The tasks of each ledger that was moved aside whole."""
    kept = []
    for aside in aside_in(data):
        with contextlib.suppress(LedgerBroken):
            kept.append(await names_in(aside))
    return kept


def leftovers_in(data: Path) -> list[Path]:
    return [*data.glob("beginning-*"), *data.glob("restoring*")]


def aside_in(data: Path) -> list[Path]:
    return sorted(data.glob("replaced-*"))


# -- recover ------------------------------------------------------------------------------------------------------


async def test_a_whole_ledger_is_left_alone(tmp_path: Path) -> None:
    await a_history(tmp_path)
    assert recover(tmp_path, cluster_id="", now_ms=LATER) is None
    assert await names_in(tmp_path) == tasks(20)


async def test_the_newest_backup_takes_the_place_of_a_damaged_ledger(tmp_path: Path) -> None:
    await a_history(tmp_path)
    damage(tmp_path)
    restored = recover(tmp_path, cluster_id="", now_ms=LATER)

    assert restored is not None
    assert (restored.revision, restored.passed_over) == (10, ())
    assert await names_in(tmp_path) == tasks(10)


async def test_the_newest_backup_that_is_whole_is_taken(tmp_path: Path) -> None:
    await a_history(tmp_path)
    damage(tmp_path)
    newest, older = backups_in(tmp_path)
    newest.path.write_bytes(b"nothing")
    restored = recover(tmp_path, cluster_id="", now_ms=LATER)

    assert restored is not None
    assert restored.backup == older.path
    [reason] = restored.passed_over
    assert str(newest.path) in reason
    assert await names_in(tmp_path) == tasks(5)


async def test_a_ledger_that_lost_its_log_is_recovered(tmp_path: Path) -> None:
    await a_history(tmp_path / "living")
    async with opened(tmp_path / "living") as ledger:
        await ledger.commit(a_commit(21, name="task-21"))
        shutil.copytree(tmp_path / "living", tmp_path / "data")
    (tmp_path / "data" / "ledger.db-wal").unlink()
    restored = recover(tmp_path / "data", cluster_id="", now_ms=LATER)

    assert restored is not None
    assert await names_in(tmp_path / "data") == tasks(10)


async def test_without_a_backup_a_ledger_begins_that_knows_its_cluster(tmp_path: Path) -> None:
    await a_history(tmp_path)
    for backup in backups_in(tmp_path):
        backup.path.unlink()
    edit(tmp_path / "ledger.db", lambda it: it.execute("UPDATE tasks SET body = zeroblob(9)"))
    with pytest.raises(LedgerBroken):
        whole(tmp_path, now_ms=LATER)
    restored = recover(tmp_path, cluster_id="", now_ms=LATER)

    assert restored is not None
    assert (restored.cluster_id, restored.revision, restored.backup) == ("cluster-1", 0, None)
    async with opened(tmp_path) as ledger:
        snapshot = await ledger.load()
    assert contents(snapshot) == contents(snapshot) | {"cluster_id": "cluster-1", "tasks": {}}
    assert snapshot.lineage == Lineage().put_back(0, now_ms=LATER)
    assert leftovers_in(tmp_path) == []


async def test_a_ledger_that_tells_nothing_needs_the_name_of_its_cluster(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"\0" * 5000)
    with pytest.raises(CubeError) as refused:
        recover(tmp_path, cluster_id="", now_ms=LATER)
    assert "--cluster" in refused.value.hint
    assert (tmp_path / "ledger.db").read_bytes() == b"\0" * 5000
    restored = recover(tmp_path, cluster_id="c-7", now_ms=LATER)

    assert restored is not None
    assert restored.aside is not None
    assert restored.cluster_id == "c-7"
    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).cluster_id == "c-7"


def test_a_ledger_that_is_not_there_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(LedgerBroken) as refused:
        whole(tmp_path / "nowhere", now_ms=LATER)
    assert "is not there" in refused.value.message
    assert not (tmp_path / "nowhere").exists()


async def test_a_disk_that_fails_is_told_of_in_the_words_of_cube(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await a_history(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("cube.store.restoring._exchange", fail)
    with pytest.raises(LedgerBroken) as refused:
        restore(tmp_path, backup, now_ms=LATER)
    assert "Input/output error" in refused.value.message
