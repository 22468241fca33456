"""Backups: whole copies of the ledger beside it, each in one file that needs no other.

A copy is made by SQLite page by page, with commits in between: they are in the copy too. It has its name only once it
is whole and on the disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cube.core.effects import Snapshot
from cube.errors import CubeError, LedgerBroken
from cube.store import tables
from cube.store.database import transaction
from cube.store.failures import Unusable, translate
from cube.store.records import EVENTS, REQUESTS, unseal
from cube.store.schema import check_version

BACKUPS = "backups"
PAGES_AT_ONCE = 1_000  # 4 MB: commits wait for some milliseconds

_NAME = re.compile(r"ledger-(\d{8}T\d{6}Z)-r(\d+)\.db")
_TIME = "%Y%m%dT%H%M%SZ"


class Backup(msgspec.Struct, frozen=True):
    """One backup: where it is, the newest revision in it, and when it was made."""

    path: Path
    revision: int
    at: datetime

    @property
    def bytes(self) -> int:
        """How large it is; 0 when it was removed."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def backups_in(data: Path) -> list[Backup]:
    """Return the backups of a data directory, the newest first. Files of other names are not looked at."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in (data / BACKUPS).iterdir():
            if match := _NAME.fullmatch(path.name):
                at = datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
                found.append(Backup(path, int(match[2]), at))
    return sorted(found, key=lambda backup: (backup.revision, backup.at), reverse=True)


def write_backup(
    connection: sqlite3.Connection, data: Path, *, now_ms: int, between: Callable[[], None]
) -> Backup:
    """Copy the ledger that is open on this connection. `between` is called after each part, for other work on it.

    When it fails nothing is left but the backups there were. LedgerFull without room for it: that the ledger itself
    can take changes is not in doubt.
    """
    directory = data / BACKUPS
    directory.mkdir(mode=0o700, exist_ok=True)
    unfinished = directory / "unfinished.db"
    _clear(unfinished)
    unfinished.touch(mode=0o600)
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
            connection.backup(copy, pages=PAGES_AT_ONCE, progress=lambda *_: between(), sleep=0)
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # a single file from here on
            revision = tables.read_revision(copy)
        sync(unfinished)
        backup = Backup(directory / f"ledger-{at:{_TIME}}-r{revision}.db", revision, at)
        unfinished.replace(backup.path)
        sync(directory)
    except (sqlite3.Error, OSError) as error:
        _clear(unfinished)
        raise _worded(error, unfinished, "see whether its disk is in order") from error
    except BaseException:
        _clear(unfinished)
        raise
    return backup


def forget_old(data: Path, *, kept: int) -> None:
    """Remove all but the newest backups."""
    for backup in backups_in(data)[kept:]:
        backup.path.unlink(missing_ok=True)


def verify(path: Path) -> Snapshot:
    """Return what a backup holds, each of its records having been read. LedgerBroken where it is not whole."""
    try:
        with closing(_open(path)) as copy:
            check_version(copy)
            complaints = [text for (text,) in copy.execute("PRAGMA integrity_check(1)")]
            if complaints != ["ok"]:
                raise Unusable(f"is damaged ({complaints[0]})", hint="take another backup")
            for revision, body in copy.execute("SELECT revision, body FROM events"):
                unseal(str(revision), body, EVENTS)
            for key, body in copy.execute("SELECT id, body FROM requests"):
                unseal(key, body, REQUESTS)
            return tables.read_state(copy)
    # The module decodes what SQLite says is damaged, and that may be the text of the damage itself.
    except (Unusable, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise _worded(error, path, "take another backup") from error


def put_back(path: Path, ledger: Path, *, now_ms: int) -> int:
    """Make `ledger` a copy of the backup that knows it lost what came after; return the last revision it has.

    `ledger` must not be in use. It is whole and on the disk on return, or is not there.
    """
    _clear(ledger)
    ledger.touch(mode=0o600)
    try:
        with closing(_open(path)) as backup, closing(sqlite3.connect(ledger)) as copy:
            backup.backup(copy)
        with closing(sqlite3.connect(ledger, isolation_level=None)) as copy, transaction(copy):
            revision = tables.read_revision(copy)
            tables.write_lineage(copy, tables.read_lineage(copy).put_back(revision, now_ms=now_ms))
        sync(ledger)
    except BaseException:
        _clear(ledger)
        raise
    return revision


def _worded(error: Exception, path: Path, hint: str) -> CubeError:
    """Return the error about a backup: what helps a ledger does not help there."""
    worded = translate(error, path)
    if isinstance(worded, LedgerBroken) and not (isinstance(error, Unusable) and error.hint):
        worded.hint = hint
    return worded


def _open(path: Path) -> sqlite3.Connection:
    """Open a file that nobody writes to, leaving nothing beside it."""
    if not path.is_file():
        raise Unusable("is not there", hint="see the files in backups/ of the data directory")
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise Unusable(
            f"has changes in {log.name} that are not in it",
            hint="use a file that `cube manager backup` made",
        )
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _clear(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have what was written to a file, or the names in a directory, on the disk. OSError where it is not."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
