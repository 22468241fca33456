"""What can be done to a ledger while no manager runs on it: copying it, and putting it back."""

from __future__ import annotations

from pathlib import Path

from cube.aio.clock import SystemClock
from cube.manager.backups import view_of
from cube.store import backup as backups
from cube.store import restoring
from cube.store.opening import open_ledger
from cube.store.restoring import Restored
from cube.wire.views import BackupView

__all__ = ["Restored", "backup", "recover", "restore"]


def backup(data: Path) -> BackupView:
    """Copy the ledger of a data directory. LedgerHeld while a manager runs on it, LedgerBroken if it is not whole."""
    now_ms = SystemClock().now().wall_ms
    restoring.whole(data, now_ms=now_ms)
    with open_ledger(data, mint_cluster_id=str, now_ms=now_ms) as connection:
        made = backups.write_backup(connection, data, now_ms=now_ms, between=lambda: None)
    backups.verify(made.path)
    return view_of(made)


def restore(data: Path, file: Path) -> Restored:
    """Put a backup in the place of the ledger, which is moved aside. See `store.restoring`."""
    return restoring.restore(data, file, now_ms=SystemClock().now().wall_ms)


def recover(data: Path, cluster_id: str) -> Restored | None:
    """Put the newest whole backup in the place of a damaged ledger; None where the ledger is whole."""
    return restoring.recover(data, cluster_id=cluster_id, now_ms=SystemClock().now().wall_ms)
