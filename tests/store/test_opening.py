from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
from hashlib import blake2s
from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.errors import CubeError, LedgerBroken, LedgerHeld
from cube.store.directory import DataDirectory
from cube.store.schema import STEPS
from tests.builders import a_node, an_allocation
from tests.house.checkout import ROOT
from tests.store.ledger_builders import a_commit, contents, edit, opened


async def fill(directory: Path, changes: int = 40) -> Path:
    """Make a closed ledger with something in it and return its file."""
    node = a_node()
    async with opened(directory) as ledger:
        await ledger.commit(Writes(nodes={node.id: node}))
        for revision in range(1, changes + 1):
            await ledger.commit(a_commit(revision, name=f"task-{revision}"))
            stay = an_allocation(node=node, slot=revision)
            await ledger.commit(Writes(allocations={stay.id: stay}))
    return directory / "ledger.db"


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def digests(directory: Path) -> dict[str, str]:
    """What is in each file, short enough to be compared in a report; without the note of who was there last."""
    return {
        path.name: blake2s(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.name != "manager.pid"
    }


async def refusal(directory: Path) -> LedgerBroken:
    """Return why the ledger is not opened or not loaded."""
    with pytest.raises(LedgerBroken) as refused:
        async with opened(directory) as ledger:
            await ledger.load()
    assert str(directory / "ledger.db") in refused.value.message
    assert refused.value.hint
    return refused.value


async def crashed(directory: Path, last: str = "SELECT 1") -> Path:
    """Make the data directory of a manager that was killed after this statement; return the ledger's file."""
    async with opened(directory.with_name("living")) as ledger:
        for revision in range(1, 11):
            await ledger.commit(a_commit(revision))
        await ledger._database.call(lambda connection: connection.execute(last).close(), within=5)
        shutil.copytree(directory.with_name("living"), directory)
    return directory / "ledger.db"


def kill_at_some_point(directory: Path, acknowledgements: int) -> int:
    """Let a process commit until it has said so often that it did; return the last revision it acknowledged."""
    command = [sys.executable, "-m", "tests.store.writes_until_killed", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(acknowledgements)]
        process.kill()
        said += process.stdout.readlines()
    # The last line may be cut short by the kill.
    return max(int(line) for line in said if line.endswith("\n"))


@pytest.mark.slow
async def test_a_manager_killed_at_any_point_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    draw = random.Random(7)
    for _ in range(10):
        acknowledged = await asyncio.to_thread(kill_at_some_point, tmp_path, draw.randint(1, 300))
        async with opened(tmp_path) as ledger:
            snapshot = await ledger.load()
            events = await ledger.events(limit=1_000_000)

        assert snapshot.revision >= acknowledged
        # The task and its event are of one transaction: they are never at different revisions.
        assert [task.revision for task in snapshot.tasks] == [snapshot.revision]
        assert [event.revision for event in events] == list(range(1, snapshot.revision + 1))


async def test_after_a_crash_everything_is_there(tmp_path: Path) -> None:
    await crashed(tmp_path / "data")
    async with opened(tmp_path / "data") as ledger:
        assert (await ledger.load()).revision == 10


async def test_a_clean_close_leaves_one_file_with_everything(tmp_path: Path) -> None:
    await fill(tmp_path)

    assert files_in(tmp_path) == ["ledger.db", "manager.pid"]


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    assert "not a database" in (await refusal(tmp_path)).message


async def test_the_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    edit(tmp_path / "ledger.db", lambda connection: connection.execute("CREATE TABLE theirs (a)"))

    assert "another program" in (await refusal(tmp_path)).message


async def test_an_empty_file_is_not_taken_for_a_new_cluster(tmp_path: Path) -> None:
    (await fill(tmp_path)).write_bytes(b"")

    assert "is empty" in (await refusal(tmp_path)).message


async def test_an_empty_file_beside_a_log_does_not_cost_the_log(tmp_path: Path) -> None:
    ledger = await crashed(tmp_path / "data")
    log = ledger.with_name("ledger.db-wal")
    before = log.read_bytes()
    ledger.write_bytes(b"")
    await refusal(ledger.parent)

    assert log.read_bytes() == before


async def test_a_ledger_that_vanished_is_not_taken_for_a_new_cluster(tmp_path: Path) -> None:
    ledger = await crashed(tmp_path / "data")
    ledger.unlink()
    assert "is gone" in (await refusal(ledger.parent)).message
    ledger.with_name("ledger.db-wal").unlink()
    assert "is gone" in (await refusal(ledger.parent)).message


async def test_a_log_that_vanished_is_missed_however_often_it_is_tried(tmp_path: Path) -> None:
    ledger = await crashed(tmp_path / "data")
    ledger.with_name("ledger.db-wal").unlink()
    await refusal(ledger.parent)
    refused = await refusal(ledger.parent)

    assert "lost its write-ahead log" in refused.message
    assert f"cube manager recover --data {ledger.parent}" in refused.hint


async def test_a_crashed_ledger_that_an_older_cube_refused_opens_in_the_right_one(
    tmp_path: Path,
) -> None:
    ledger = await crashed(tmp_path / "data", "PRAGMA user_version = 99")
    before = digests(ledger.parent)
    assert "newer cube" in (await refusal(ledger.parent)).message
    assert digests(ledger.parent) == before

    edit(ledger, lambda connection: connection.execute(f"PRAGMA user_version = {len(STEPS)}"))
    ledger.with_name("manager.pid").unlink()  # which misses the log that the edit has folded
    async with opened(ledger.parent) as opened_ledger:
        assert (await opened_ledger.load()).revision == 10


async def test_a_second_connection_without_the_pid_file_is_refused_too(tmp_path: Path) -> None:
    async with opened(tmp_path):
        (tmp_path / "manager.pid").unlink()
        with pytest.raises(LedgerHeld, match="another process"):
            async with opened(tmp_path):
                pass


async def test_a_ledger_that_a_manager_died_making_is_made_by_the_next(tmp_path: Path) -> None:
    taken = DataDirectory.take(tmp_path, now_ms=0)
    taken.ledger_begins()
    (tmp_path / "ledger.db").touch()
    taken.release()
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1))
    (tmp_path / "ledger.db").write_bytes(b"")

    assert "is empty" in (await refusal(tmp_path)).message


@pytest.mark.parametrize("place", [100, 20_000, -5_000, 20], ids="begin middle end header".split())
async def test_a_log_that_lost_what_was_acknowledged_is_refused_and_kept(
    tmp_path: Path, place: int
) -> None:
    ledger = await crashed(tmp_path / "data")
    log = ledger.with_name("ledger.db-wal")
    damaged = bytearray(log.read_bytes())
    damaged[place] ^= 1
    log.write_bytes(damaged)
    before = digests(ledger.parent)
    refused = await refusal(ledger.parent)

    assert "10 was recorded" in refused.message
    assert digests(ledger.parent) == before


async def test_the_loss_of_the_end_of_the_log_is_noticed_by_its_witness(tmp_path: Path) -> None:
    ledger = await crashed(tmp_path / "data")
    log = ledger.with_name("ledger.db-wal")
    log.write_bytes(log.read_bytes()[:-5_000])
    assert "it ends at revision 9, and 10 was recorded" in (await refusal(ledger.parent)).message

    ledger.with_name("ledger.witness").unlink()
    async with opened(ledger.parent) as accepted:
        assert (await accepted.load()).revision == 9


async def test_a_log_under_its_second_name_is_put_back(tmp_path: Path) -> None:
    ledger = await crashed(tmp_path / "data")
    ledger.with_name("ledger.db-wal").rename(ledger.with_name("ledger.db-wal.kept"))
    async with opened(ledger.parent) as found:
        assert (await found.load()).revision == 10


async def test_history_that_an_index_hides_is_noticed(tmp_path: Path) -> None:
    def hide(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE other (task_id TEXT)")
        connection.execute("CREATE INDEX others ON other (task_id) WHERE task_id IS NOT NULL")
        find = "SELECT rootpage FROM sqlite_master WHERE name = 'others'"
        (root,) = connection.execute(find).fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = ? WHERE name = 'events_of_task'", (root,)
        )
        connection.execute("DELETE FROM sqlite_master WHERE name IN ('other', 'others')")

    edit(await fill(tmp_path), hide)

    assert "damaged (events" in (await refusal(tmp_path)).message


async def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    ledger = await fill(tmp_path)
    with ledger.open("r+b") as file:
        file.truncate(ledger.stat().st_size - 8192)

    await refusal(tmp_path)


async def test_a_link_in_place_of_the_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").symlink_to(tmp_path / "elsewhere")

    assert "symbolic link" in (await refusal(tmp_path)).message
    assert not (tmp_path / "elsewhere").exists()


async def test_a_ledger_that_does_not_say_its_cluster_is_refused(tmp_path: Path) -> None:
    ledger = await fill(tmp_path)
    edit(ledger, lambda connection: connection.execute("DELETE FROM meta"))

    assert "which cluster" in (await refusal(tmp_path)).message


async def test_an_index_that_lost_a_record_is_noticed(tmp_path: Path) -> None:
    def damage(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE TABLE other (id TEXT PRIMARY KEY)")
        find = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(find, ("sqlite_autoindex_other_1",)).fetchone()
        connection.execute(
            "UPDATE sqlite_master SET rootpage = ? WHERE name = 'sqlite_autoindex_tasks_1'",
            (root,),
        )
        connection.execute("DELETE FROM sqlite_master WHERE name LIKE '%other%'")

    edit(await fill(tmp_path), damage)

    assert "damaged" in (await refusal(tmp_path)).message


@pytest.mark.slow
async def test_flipped_bits_never_give_a_wrong_answer(tmp_path: Path) -> None:
    ledger = await fill(tmp_path / "data")
    whole = ledger.read_bytes()
    async with opened(tmp_path / "data") as opened_ledger:
        expected = contents(await opened_ledger.load())
    draw = random.Random(11)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        ledger.write_bytes(damaged)
        try:
            async with opened(tmp_path / "data") as opened_ledger:
                assert contents(await opened_ledger.load()) == expected
        except CubeError as error:
            assert isinstance(error, LedgerBroken)
            refused += 1
    assert refused > 10  # the others hit history, requests or unused room
