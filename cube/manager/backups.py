"""Copies of the ledger, made every hour in which something changed, and when somebody asks."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import NoReturn

from cube.aio.clock import Clock
from cube.errors import CubeError
from cube.settings import ManagerSettings
from cube.store.backup import Backup, backups_in, forget_old, verify
from cube.store.ledger import Ledger
from cube.wire.views import BackupView

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0  # at most: how much later than due a backup is made


class Backups:
    """The backups beside one ledger."""

    def __init__(self, ledger: Ledger, settings: ManagerSettings, clock: Clock) -> None:
        self._ledger = ledger
        self._data: Path = settings.data
        self._every = settings.backup_every
        self._kept = settings.backups_kept
        self._clock = clock
        self._lock = asyncio.Lock()

    def all(self) -> list[Backup]:
        """Return those there are, the newest first."""
        return backups_in(self._data)

    async def make(self) -> Backup:
        """Make one now and forget the oldest. LedgerFull without room, LedgerBroken when it does not read back."""
        async with self._lock:
            backup = await self._ledger.backup(now_ms=self._clock.now().wall_ms)
            await asyncio.to_thread(self._keep, backup)
            return backup

    def _keep(self, backup: Backup) -> None:
        """Read the backup back, and forget the oldest ones for it."""
        try:
            verify(backup.path)
        except CubeError:
            # A copy of a damaged ledger must not push out the older ones that are whole.
            backup.path.unlink(missing_ok=True)
            raise
        forget_old(self._data, kept=self._kept)

    async def run(self) -> NoReturn:
        """Make one whenever the newest is old and something has changed since."""
        while True:
            pause = await self.look()
            await asyncio.sleep(pause)

    async def look(self) -> float:
        """Make one if it is due; return after how many seconds to look again."""
        if not await self._due():
            return min(LOOK_EVERY, self._every)
        try:
            backup = await self.make()
        except CubeError as error:
            log.error("no backup of the ledger: %s", error)
            return self._every
        log.info("backup %s", backup.path)
        return min(LOOK_EVERY, self._every)

    async def _due(self) -> bool:
        newest = next(iter(self.all()), None)
        if newest is None:
            return True
        # By its amount: a clock that was set back is no reason to wait for it.
        age = abs(self._clock.now().wall_ms / 1000 - newest.at.timestamp())
        try:
            return age >= self._every and await self._ledger.revision() > newest.revision
        except CubeError as error:
            log.warning("whether a backup is due could not be found out: %s", error)
            return False


def view_of(backup: Backup) -> BackupView:
    """Return how the API shows a backup."""
    return BackupView(
        path=str(backup.path), revision=backup.revision, bytes=backup.bytes, at=backup.at
    )
