"""Putting a ledger back: from a backup, or from nothing. No manager may be running on the data directory.

What was there is moved aside, never removed. A crash on the way leaves a directory that no manager starts on until
it is put back again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from cube.core.effects import Snapshot
from cube.errors import CubeError, LedgerBroken, LedgerHeld
from cube.model.lineage import Lineage
from cube.store import tables
from cube.store.backup import backups_in, put_back, sync, verify
from cube.store.database import transaction
from cube.store.directory import DataDirectory
from cube.store.failures import Unusable, translate
from cube.store.opening import open_ledger
from cube.store.witness import WITNESS_FILE, Witness


class Restored(msgspec.Struct, frozen=True):
    """What a ledger was put back to, and where the former one is now (None: there was none)."""

    cluster_id: str
    revision: int
    backup: Path | None
    aside: Path | None
    passed_over: tuple[str, ...] = ()  # why newer backups could not be used


def restore(data: Path, backup: Path, *, now_ms: int) -> Restored:
    """Put the backup in the place of the ledger. LedgerHeld while a manager runs, LedgerBroken if it is not whole."""
    snapshot = verify(backup)
    with _held(data, now_ms) as directory:
        fresh = directory.ledger.with_name("restoring.db")
        revision = put_back(backup, fresh, now_ms=now_ms)
        aside = _exchange(directory, fresh, now_ms)
    return Restored(snapshot.cluster_id, revision, backup, aside)


def recover(data: Path, *, cluster_id: str, now_ms: int) -> Restored | None:
    """Put the newest whole backup in the place of a ledger that cannot be used; None where it can.

    Without a backup a ledger is begun that knows nothing but its cluster: that of the damaged one, as far as it can
    be read, else `cluster_id`. CubeError where neither is known.
    """
    try:
        whole(data, now_ms=now_ms)
    except LedgerHeld:
        raise
    except LedgerBroken:
        pass
    else:
        return None
    passed_over = []
    for backup in backups_in(data):
        try:
            restored = restore(data, backup.path, now_ms=now_ms)
        except LedgerBroken as error:
            passed_over.append(error.message)
        else:
            return msgspec.structs.replace(restored, passed_over=tuple(passed_over))
    restored = _begin_anew(data, cluster_id, now_ms)
    return msgspec.structs.replace(restored, passed_over=tuple(passed_over))


def whole(data: Path, *, now_ms: int) -> Snapshot:
    """Return what the ledger of a data directory holds. LedgerBroken when it is not whole, or not there."""
    ledger = data / "ledger.db"
    try:
        if not ledger.exists():
            raise Unusable("is not there")
        with open_ledger(data, mint_cluster_id=_nobody, now_ms=now_ms) as connection:
            return tables.read_state(connection)
    except (CubeError, Unusable, sqlite3.Error, OSError) as error:
        raise translate(error, ledger) from error


def _begin_anew(data: Path, cluster_id: str, now_ms: int) -> Restored:
    with (
        _held(data, now_ms) as directory,
        TemporaryDirectory(prefix="beginning-", dir=data) as place,
    ):
        cluster_id = cluster_id or _cluster_of(directory.ledger)
        opener = open_ledger(Path(place), mint_cluster_id=lambda: cluster_id, now_ms=now_ms)
        with opener as connection, transaction(connection):
            tables.write_lineage(connection, Lineage().put_back(0, now_ms=now_ms))
        aside = _exchange(directory, Path(place) / directory.ledger.name, now_ms)
    return Restored(cluster_id, 0, None, aside)


@contextmanager
def _held(data: Path, now_ms: int) -> Iterator[DataDirectory]:
    """Hold the data directory, and let errors out in cube's words."""
    directory = DataDirectory.take(data, now_ms=now_ms)
    try:
        yield directory
    except (Unusable, sqlite3.Error, OSError) as error:
        raise translate(error, directory.ledger) from error
    finally:
        directory.release()


def _cluster_of(ledger: Path) -> str:
    """Return the cluster that a damaged ledger still names."""
    try:
        with closing(
            sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True)
        ) as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'cluster_id'").fetchone()
    except sqlite3.Error:
        row = None
    if row is None:
        raise CubeError(
            "there is no backup, and the ledger does not tell any more which cluster it was of",
            hint="name it with --cluster; a worker keeps it in its node.json, a container in the label cube.cluster",
        )
    return str(row[0])


def _nobody() -> str:
    raise Unusable("holds nothing")


def _exchange(directory: DataDirectory, fresh: Path, now_ms: int) -> Path | None:
    """Move the ledger aside and put the fresh one in its place; return where the former one is."""
    ledger, log = directory.ledger, directory.write_ahead_log
    present = [path for path in (ledger, log) if path.exists()]
    aside = None
    # Until this is taken back, a ledger without its log is refused: a crash in here leaves no half of either.
    directory.ledger_opened()
    if present:
        at = datetime.fromtimestamp(now_ms / 1000, UTC)
        aside = ledger.with_name(f"replaced-{at:%Y%m%dT%H%M%S}.{now_ms % 1000:03d}Z")
        aside.mkdir(mode=0o700)
        for path in present:
            os.link(path, aside / path.name)
        log.unlink(missing_ok=True)
    Witness(ledger.with_name(WITNESS_FILE)).forget()  # of the ledger that was
    fresh.replace(ledger)
    sync(ledger.parent)
    directory.ledger_closed()
    return aside
