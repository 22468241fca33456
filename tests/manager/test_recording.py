"""A watch on the ledger tells of each commit, and changes nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from cube.core.effects import Snapshot, Writes
from cube.errors import LedgerFull
from cube.manager.recording import Recording
from cube.model.audit import AuditEntry
from cube.store.ledger import RequestRecord
from tests.builders import a_task


class Disk:
    """A ledger whose commits end when the test says so."""

    def __init__(self) -> None:
        self.commits: list[asyncio.Future[None]] = []

    def commit(
        self,
        writes: Writes,
        request: RequestRecord | None = None,
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        self.commits.append(asyncio.get_running_loop().create_future())
        return self.commits[-1]

    async def load(self) -> Snapshot:
        return Snapshot(cluster_id="loaded")

    async def recover(self) -> Snapshot:
        return Snapshot(cluster_id="recovered")


class Notes:
    def __init__(self) -> None:
        self.recorded_ones: list[tuple[Writes, float]] = []
        self.failures = 0

    def recorded(self, writes: Writes, seconds: float) -> None:
        self.recorded_ones.append((writes, seconds))

    def not_recorded(self) -> None:
        self.failures += 1


async def test_a_commit_is_told_with_its_time_once_it_is_durable() -> None:
    disk, notes, now = Disk(), Notes(), [10.0]
    writes = Writes(tasks={a_task().id: a_task()})
    recorded = Recording(disk, notes, lambda: now[0]).commit(writes)
    await asyncio.sleep(0)
    assert notes.recorded_ones == []

    now[0] = 12.5
    disk.commits[0].set_result(None)
    await recorded
    await asyncio.sleep(0)  # who is told comes after who waits

    assert notes.recorded_ones == [(writes, 2.5)]


async def test_a_commit_that_failed_or_was_given_up_is_counted() -> None:
    disk, notes = Disk(), Notes()
    recording = Recording(disk, notes, lambda: 0.0)
    full, gone = recording.commit(Writes()), recording.commit(Writes())
    disk.commits[0].set_exception(LedgerFull("no room"))
    disk.commits[1].cancel()
    with pytest.raises(LedgerFull):
        await full
    with pytest.raises(asyncio.CancelledError):
        await gone
    await asyncio.sleep(0)

    assert (notes.failures, notes.recorded_ones) == (2, [])


async def test_reading_goes_through() -> None:
    recording = Recording(Disk(), Notes(), lambda: 0.0)

    assert (await recording.load()).cluster_id == "loaded"
    assert (await recording.recover()).cluster_id == "recovered"
