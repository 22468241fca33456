"""When backups are made, which are kept, and that none is relied on that was not read back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cube.aio.clock import HandClock
from cube.errors import LedgerBroken, LedgerFull
from cube.manager import backups
from cube.manager.backups import LOOK_EVERY, Backups, view_of
from cube.settings import ManagerSettings
from cube.store.ledger import Ledger
from tests.store.ledger_builders import NOW, a_commit, opened

HOUR = 3600.0


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with opened(tmp_path) as ledger:
        await ledger.commit(a_commit(1))
        yield ledger


@pytest.fixture
def clock() -> HandClock:
    return HandClock(wall_ms=NOW)


@pytest.fixture
def kept(ledger: Ledger, clock: HandClock, tmp_path: Path) -> Backups:
    return Backups(ledger, ManagerSettings(data=tmp_path), clock)


def revisions(kept: Backups) -> list[int]:
    return [backup.revision for backup in kept.all()]


async def test_the_first_one_is_made_at_once(kept: Backups) -> None:
    assert await kept.look() == LOOK_EVERY
    assert revisions(kept) == [1]


async def test_one_is_made_each_hour_in_which_something_changed(
    kept: Backups, ledger: Ledger, clock: HandClock
) -> None:
    await kept.look()
    await ledger.commit(a_commit(2))
    clock.advance(HOUR - 1)
    await kept.look()
    assert revisions(kept) == [1]
    clock.advance(1)
    await kept.look()
    assert revisions(kept) == [2, 1]


async def test_a_quiet_cluster_makes_none(kept: Backups, clock: HandClock) -> None:
    await kept.look()
    clock.advance(100 * HOUR)
    await kept.look()
    assert revisions(kept) == [1]


async def test_a_clock_that_was_set_back_does_not_put_backups_off(
    kept: Backups, ledger: Ledger, clock: HandClock
) -> None:
    await kept.look()
    await ledger.commit(a_commit(2))
    clock.advance(-48 * HOUR)
    await kept.look()
    assert revisions(kept) == [2, 1]


async def test_no_more_than_the_newest_are_kept(
    ledger: Ledger, clock: HandClock, tmp_path: Path
) -> None:
    kept = Backups(ledger, ManagerSettings(data=tmp_path, backups_kept=3), clock)
    for revision in range(2, 8):
        await ledger.commit(a_commit(revision))
        clock.advance(HOUR)
        await kept.look()
    assert revisions(kept) == [7, 6, 5]
    assert ManagerSettings().backups_kept == 24


async def test_a_backup_that_does_not_read_back_is_removed_and_pushes_none_out(
    ledger: Ledger, clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Backups(ledger, ManagerSettings(data=tmp_path, backups_kept=1), clock)
    await kept.make()
    await ledger.commit(a_commit(2))
    clock.advance(HOUR)

    def damaged(path: Path) -> None:
        raise LedgerBroken(f"{path} is damaged")

    monkeypatch.setattr(backups, "verify", damaged)
    with pytest.raises(LedgerBroken):
        await kept.make()
    assert revisions(kept) == [1]


async def test_one_that_fails_is_told_of_and_tried_again_later(
    kept: Backups,
    ledger: Ledger,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def full(*, now_ms: int) -> None:
        raise LedgerFull("no room on the disk")

    with monkeypatch.context() as patching:
        patching.setattr(ledger, "backup", full)
        assert await kept.look() == HOUR
    assert "no backup of the ledger: no room on the disk" in caplog.text
    await kept.look()
    assert revisions(kept) == [1]


async def test_a_ledger_that_does_not_answer_does_not_end_the_loop(
    kept: Backups, ledger: Ledger, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    await kept.look()
    clock.advance(HOUR)
    await ledger.close()
    assert await kept.look() == LOOK_EVERY
    assert "could not be found out" in caplog.text


async def test_people_are_shown_where_it_is_and_how_new(kept: Backups) -> None:
    backup = await kept.make()
    view = view_of(backup)
    assert (view.path, view.revision, view.at) == (str(backup.path), 1, backup.at)
    assert view.bytes == backup.path.stat().st_size
