"""Opening the ledger's file: nothing is served from one that is not whole.

Everything that decisions are made from is checked at every open, also after a clean close: disks rot while nobody
looks. Events and requests, which may be many times larger, only up to a size; beyond it each is checked when it is
read, and one that a damaged index hides is not missed.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from cube.store.directory import DataDirectory
from cube.store.failures import Unusable
from cube.store.schema import migrate
from cube.store.tables import read_revision
from cube.store.witness import WITNESS_FILE, Witness

log = logging.getLogger(__name__)

STATE_TABLES = ("meta", "tasks", "allocations", "nodes")
HISTORY_TABLES = ("requests", "events")
HISTORY_CHECKED_BYTES = (
    64 << 20
)  # of file and log: a quarter of a second, and 10,000 tasks with what led to them

# The order matters: a connection that is exclusive before it first looks at the write-ahead log keeps the log's index
# in its own memory, and no second process can so much as read (SQLite, wal.html section 8).
_SETTINGS = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit is on the disk when it returns
    "wal_autocheckpoint = 0",  # SQLite keeps the errors of its own checkpoints to itself; the writer makes them
    "journal_size_limit = 67108864",  # gives back what a burst took, 64 MiB
    "cache_size = -32768",  # 32 MiB: the upper pages of the indexes of a million records
    "cell_size_check = ON",  # a damaged page is an error, not a crash
    "trusted_schema = OFF",
)


@contextlib.contextmanager
def open_ledger(
    path: Path,
    *,
    mint_cluster_id: Callable[[], str],
    now_ms: int,
    witness: Witness | None = None,
) -> Iterator[sqlite3.Connection]:
    """Hold the data directory and lend the connection to its ledger, made when it is missing, and whole.

    On leaving, the write-ahead log is folded into the file, and the directory is free again. On leaving with an error
    every file stays as it is, also when the ledger is refused or the log cannot be folded. `witness`: for one who is
    going to note what is recorded.
    """
    witness = witness or Witness(path / WITNESS_FILE)
    directory = DataDirectory.take(path, now_ms=now_ms)
    try:
        _put_back(directory.write_ahead_log)
        _refuse_half_a_ledger(directory)
        with _connected(directory) as connection:
            _refuse_emptied(connection, directory, witness)
            migrate(connection, directory.ledger, mint_cluster_id=mint_cluster_id)
            if directory.unfinished:
                directory.ledger_closed()
            _check(connection, directory)
            witness.check(read_revision(connection))
            if directory.write_ahead_log.exists():
                directory.ledger_opened()
            yield connection
            _fold_log(connection, directory)
            witness.forget()
    finally:
        witness.close()
        directory.release()


def _refuse_half_a_ledger(directory: DataDirectory) -> None:
    """Refuse what SQLite would quietly open as an empty or an older database. One that is to be made is noted."""
    ledger, has_log = directory.ledger, directory.write_ahead_log.exists()
    if ledger.is_symlink():
        raise Unusable("is a symbolic link", hint="link or mount the whole data directory instead")
    if not ledger.exists():
        if has_log or directory.unclean:
            raise Unusable("is gone, and was not closed by the last manager")
        directory.ledger_begins()
    elif directory.unfinished:
        log.info("%s was not finished by the manager that made it", ledger)
    elif ledger.stat().st_size == 0:
        raise Unusable("is empty", hint=f"when no manager ever worked here: rm {ledger}")
    elif directory.unclean and not has_log:
        raise Unusable(
            "lost its write-ahead log, and the newest changes with it",
            hint="bring back the file that ends in -wal, or put a backup in its place:"
            f" cube manager recover --data {ledger.parent}",
        )


def _refuse_emptied(
    connection: sqlite3.Connection, directory: DataDirectory, witness: Witness
) -> None:
    """Refuse a ledger that lost everything with its log, before a new one is begun in its place."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0 and not directory.unfinished:
        witness.check(0)
        raise Unusable(
            "holds nothing, and something was recorded in it",
            hint=f"put a backup in its place: cube manager recover --data {directory.ledger.parent}",
        )


@contextlib.contextmanager
def _connected(directory: DataDirectory) -> Iterator[sqlite3.Connection]:
    connection = _connect(directory.ledger)
    try:
        yield connection
    except BaseException:
        _leave_as_it_is(connection, directory.write_ahead_log)
        raise
    connection.close()


def _leave_as_it_is(connection: sqlite3.Connection, write_ahead_log: Path) -> None:
    """Close without folding the log into the file, removing it, or a sync, all of which SQLite would do by itself.

    A sync that failed must not be tried again, as the kernel may report success for pages it has dropped; and what a
    damaged log still holds must stay to be looked at.
    """
    kept = _kept(write_ahead_log)
    with contextlib.suppress(OSError):  # no log, or a file system without links
        kept.hardlink_to(write_ahead_log)
    connection.execute("PRAGMA synchronous = OFF")
    connection.interrupt()  # ends the copying that closing begins, before its first page
    connection.close()
    _put_back(write_ahead_log)


def _put_back(write_ahead_log: Path) -> None:
    """Bring back a log that SQLite removed from under its second name; also one from before a crash."""
    kept = _kept(write_ahead_log)
    if write_ahead_log.exists():
        kept.unlink(missing_ok=True)
    elif kept.exists():
        kept.rename(write_ahead_log)


def _kept(write_ahead_log: Path) -> Path:
    return write_ahead_log.with_name(f"{write_ahead_log.name}.kept")


def _connect(ledger: Path) -> sqlite3.Connection:
    if ledger.exists():
        ledger.chmod(0o600)
    else:
        ledger.touch(mode=0o600)  # the write-ahead log takes its mode from it
    connection = sqlite3.connect(ledger, isolation_level=None, timeout=0, cached_statements=16)
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise Unusable(
                "is on a file system that cannot have a write-ahead log",
                hint="choose a data directory on a local disk",
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, directory: DataDirectory) -> None:
    files = (directory.ledger, directory.write_ahead_log)
    small = sum(file.stat().st_size for file in files if file.exists()) <= HISTORY_CHECKED_BYTES
    for table in (*STATE_TABLES, *(HISTORY_TABLES if small else ())):
        complaints = [text for (text,) in connection.execute(f"PRAGMA integrity_check({table})")]
        if complaints != ["ok"]:
            raise Unusable(f"is damaged ({table}: {complaints[0]})")


def _fold_log(connection: sqlite3.Connection, directory: DataDirectory) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        log.warning(
            "the write-ahead log of %s stays for the next start: %s", directory.ledger, error
        )
        raise
    directory.ledger_closed()  # before SQLite removes the log: a crash in between is a clean close
