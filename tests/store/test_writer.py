from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cube.core.effects import Writes
from cube.errors import CubeError, LedgerBroken, LedgerFull, ManagerAway, Overloaded
from cube.store import writer
from cube.store.ledger import Ledger
from tests.store.ledger_builders import a_commit, a_request, an_event, contents, opened


class Stalled:
    """The ledger's thread, kept busy inside the block as a slow disk would."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._ledger._database.post(self._wait)

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _wait(self, connection: sqlite3.Connection) -> None:
        self._over.wait(10)


async def limit_pages(ledger: Ledger, more: int | None) -> None:
    """Let the file grow by so many pages only; None: as it likes."""

    def limit(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        most = 2**30 if more is None else pages + more
        connection.execute(f"PRAGMA max_page_count = {most}").fetchall()

    await ledger._database.call(limit, within=5)


def a_big_commit(revision: int, size: int = 200_000) -> Writes:
    return Writes(events=[an_event(revision, message="x" * size)])


async def test_commits_that_wait_together_share_a_transaction(ledger: Ledger) -> None:
    before = ledger.transactions
    with Stalled(ledger):
        recorded = [ledger.commit(a_commit(revision)) for revision in range(1, 101)]
    await asyncio.gather(*recorded)

    assert ledger.transactions == before + 1
    assert [event.revision for event in await ledger.events(limit=200)] == list(range(1, 101))


async def test_a_commit_that_waits_alone_is_not_held_back(ledger: Ledger) -> None:
    before = ledger.transactions
    for revision in range(1, 4):
        await ledger.commit(a_commit(revision))

    assert ledger.transactions == before + 3


async def test_what_comes_while_commits_gather_shares_their_transaction(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathering, go_on = threading.Event(), threading.Event()

    def gather(seconds: float) -> None:
        gathering.set()
        go_on.wait(10)

    monkeypatch.setattr(writer, "sleep", gather)
    before = ledger.transactions
    with Stalled(ledger):
        recorded = [ledger.commit(a_commit(revision)) for revision in (1, 2)]
    await asyncio.to_thread(gathering.wait, 10)
    recorded.append(ledger.commit(a_commit(3)))
    go_on.set()
    await asyncio.gather(*recorded)

    assert ledger.transactions == before + 1


async def test_a_commit_that_comes_alone_does_not_gather(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered: list[float] = []
    monkeypatch.setattr(writer, "sleep", gathered.append)
    await ledger.commit(a_commit(1))

    assert gathered == []


async def test_a_group_has_a_bound(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GROUP_COMMITS", 10)
    before = ledger.transactions
    with Stalled(ledger):
        recorded = [ledger.commit(a_commit(revision)) for revision in range(1, 26)]
    await asyncio.gather(*recorded)

    assert ledger.transactions == before + 3


async def test_in_one_group_the_last_change_of_a_record_counts(ledger: Ledger) -> None:
    task_id = next(iter(a_commit(1).tasks))
    with Stalled(ledger):
        recorded = [
            ledger.commit(a_commit(1)),
            ledger.commit(Writes(tasks={task_id: None})),
            ledger.commit(a_commit(2)),
        ]
    await asyncio.gather(*recorded)

    assert [task.revision for task in (await ledger.load()).tasks] == [2]


async def test_more_than_may_wait_is_refused_until_the_ledger_was_read_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 5)
    with Stalled(ledger):
        queued = [ledger.commit(a_commit(revision)) for revision in range(1, 6)]
        assert ledger.waiting == 5
        with pytest.raises(Overloaded):
            await ledger.commit(a_commit(6))
    await asyncio.gather(*queued)
    with pytest.raises(Overloaded):  # it may build on the one that was refused
        await ledger.commit(a_commit(7))

    assert (await ledger.recover()).revision == 5
    await ledger.commit(a_commit(6))


async def test_after_a_failure_nothing_behind_it_is_recorded(ledger: Ledger) -> None:
    await ledger.commit(a_commit(1))
    await limit_pages(ledger, 5)
    with Stalled(ledger):
        recorded = [
            ledger.commit(a_big_commit(2)),
            ledger.commit(a_commit(3), a_request("key-3")),
            ledger.commit(Writes()),
        ]
    outcomes = await asyncio.gather(*recorded, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [LedgerFull] * 3
    with pytest.raises(LedgerFull):
        await ledger.commit(a_commit(2))
    assert (await ledger.load()).revision == 1
    assert await ledger.request("key-3") is None


async def test_after_a_full_disk_the_ledger_goes_on_where_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1))
        await limit_pages(ledger, 5)
        with pytest.raises(LedgerFull) as failure:
            await ledger.commit(a_big_commit(2))
        assert str(tmp_path) in failure.value.message
        assert [event.revision for event in await ledger.events()] == [1]

        await limit_pages(ledger, None)
        assert (await ledger.recover()).revision == 1
        await ledger.commit(a_commit(2))
    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).revision == 2


async def test_a_ledger_that_is_closed_while_it_recovers_stays_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with Stalled(ledger):
            recovering = asyncio.create_task(ledger.recover())
            await asyncio.sleep(0)
            closing = asyncio.create_task(ledger.close())
            await asyncio.sleep(0)
        await asyncio.gather(recovering, closing)

        async with asyncio.timeout(5):
            with pytest.raises(ManagerAway):
                await ledger.commit(a_commit(1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=10)
    if mounted.returncode:
        pytest.fail(f"a small disk needs root, as scripts/engine does: {mounted.stderr}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=10)


async def test_a_disk_that_is_really_full_loses_nothing(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 700_000)
    revision, error = 0, None
    async with opened(small_disk / "data") as ledger:
        while error is None:
            try:
                await ledger.commit(a_big_commit(revision + 1, 20_000))
                revision += 1
            except CubeError as failure:
                error = failure
        assert isinstance(error, LedgerFull)
        assert len(await ledger.events(limit=1000)) == revision
        with pytest.raises(LedgerFull):
            await ledger.recover()  # still full
        with pytest.raises(LedgerFull):
            await ledger.commit(a_commit(revision + 1))

        ballast.unlink()
        assert (await ledger.recover()).revision == revision
        await ledger.commit(a_commit(revision + 1))
    async with opened(small_disk / "data") as ledger:
        assert (await ledger.load()).revision == revision + 1


async def test_a_ledger_whose_disk_failed_is_left_for_the_next_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as broken:
        await broken.commit(a_commit(1))
        with pytest.raises(LedgerBroken):
            await broken.commit(a_commit(1))  # the same revision again
        log = (tmp_path / "ledger.db-wal").read_bytes()
    assert (tmp_path / "ledger.db-wal").read_bytes() == log

    async with opened(tmp_path) as ledger:
        assert (await ledger.load()).revision == 1


async def test_a_failure_that_is_no_full_disk_ends_writing_for_good(ledger: Ledger) -> None:
    await ledger.commit(a_commit(1))
    with pytest.raises(LedgerBroken):
        await ledger.commit(a_commit(1))  # the same revision again
    with pytest.raises(LedgerBroken):
        await ledger.recover()
    with pytest.raises(LedgerBroken):
        await ledger.commit(a_commit(2))
    with pytest.raises(LedgerBroken):
        await ledger.prune(events_kept=1, requests_before_ms=0)

    assert (await ledger.load()).revision == 1


async def test_the_write_ahead_log_is_folded_into_the_ledger_while_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_ROWS", 20)
    async with opened(tmp_path) as ledger:
        for revision in range(1, 101):
            await ledger.commit(a_commit(revision, name=f"task-{revision}"))
        log_bytes = (tmp_path / "ledger.db-wal").stat().st_size

        assert contents(await ledger.load())["revision"] == 100
        assert log_bytes < 500_000  # without it, two megabytes
