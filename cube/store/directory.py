"""The data directory: closed to other users, and held by one manager at a time.

The holder's pid file is locked with flock(2), which the kernel lets go of when the process dies, however it dies. It
says who the holder is; a line more while the ledger is made or open tells the next holder what it may find.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cube.errors import CubeError, LedgerBroken, LedgerHeld, NotAllowed

PID_FILE = "manager.pid"
LEDGER_FILE = "ledger.db"
_LEDGER_OPEN = "ledger open"
_LEDGER_NEW = "ledger new"


class DataDirectory:
    """The directory of one manager, held until `release`."""

    def __init__(self, path: Path, pid_file: int, holder: str, note: str) -> None:
        self.ledger = path / LEDGER_FILE
        self.write_ahead_log = path / f"{LEDGER_FILE}-wal"
        self._note = note
        self._path = path
        self._pid_file = pid_file
        self._holder = holder

    @classmethod
    def take(cls, path: Path, *, now_ms: int) -> Self:
        """Make the directory if there is none, close it to others, and hold it.

        LedgerHeld when another process holds it; NotAllowed when somebody else could read or replace its files.
        """
        try:
            _make_private(path)
            pid_file = os.open(path / PID_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unreachable(path, error) from error
        try:
            fcntl.flock(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            since = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
            told = _read(pid_file)
            note = next((note for note in (_LEDGER_OPEN, _LEDGER_NEW) if note in told), "")
            directory = cls(path, pid_file, f"{os.getpid()}\n{since}\n", note)
            directory._tell(note)
        except BlockingIOError:
            held = _held_by(path, _read(pid_file))
            os.close(pid_file)
            raise held from None
        except OSError:
            os.close(pid_file)
            raise
        return directory

    @property
    def unclean(self) -> bool:
        """Whether the ledger was left open by a holder that died."""
        return self._note == _LEDGER_OPEN

    @property
    def unfinished(self) -> bool:
        """Whether a holder died while it made the ledger, which holds nothing yet."""
        return self._note == _LEDGER_NEW

    def ledger_begins(self) -> None:
        """Note, also for after a power cut, that a ledger file that appears is new and may be empty."""
        self._tell(_LEDGER_NEW)
        os.fsync(self._pid_file)
        _sync_directory(self._path)

    def ledger_opened(self) -> None:
        """Note that from here on the write-ahead log must be found beside the ledger."""
        _sync_directory(
            self._path
        )  # SQLite makes the log's name durable with its first commit only
        self._tell(_LEDGER_OPEN)

    def ledger_closed(self) -> None:
        """Note, also for after a power cut, that everything is in the ledger file itself."""
        self._tell("")
        os.fsync(self._pid_file)  # before the log is removed, or it would be missed

    def release(self) -> None:
        """Let the next manager in. The file stays: removing it would let two managers lock different files."""
        if not self._note:
            os.ftruncate(self._pid_file, 0)
        os.close(self._pid_file)

    def _tell(self, note: str) -> None:
        self._note = note
        text = f"{self._holder}{note}\n" if note else self._holder
        os.pwrite(self._pid_file, text.encode(), 0)
        os.ftruncate(self._pid_file, len(text))


def _make_private(path: Path) -> None:
    user = os.geteuid()
    if path.is_symlink() and path.lstat().st_uid not in (0, user):
        raise NotAllowed(
            f"the data directory {path} is a link made by {_name_of(path.lstat().st_uid)}",
            hint="name a data directory that only you and root can replace",
        )
    if not path.exists():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for parent in path.parents:  # or a power cut takes the directory, and the ledger with it
            _sync_directory(parent)
    owner = path.stat().st_uid
    if owner != user:
        raise NotAllowed(
            f"the data directory {path} belongs to {_name_of(owner)}, not to {_name_of(user)}",
            hint=f"start the manager as {_name_of(owner)}, or choose another data directory",
        )
    path.chmod(0o700)


def _sync_directory(path: Path) -> None:
    # Some cannot be read, where nothing of ours was made, and some file systems cannot do it.
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _name_of(user: int) -> str:
    return "root" if user == 0 else f"user {user}"


def _read(pid_file: int) -> str:
    return os.pread(pid_file, 1000, 0).decode(errors="replace")


def _held_by(path: Path, text: str) -> LedgerHeld:
    # Empty for the instant between the holder's lock and its first line.
    pid, since, *_ = [*text.splitlines(), "", ""]
    who = f"a manager (pid {pid}, since {since})" if pid and since else "another manager"
    return LedgerHeld(
        f"the data directory {path} is held by {who}",
        hint="use that manager, stop it, or choose another data directory",
    )


def _unreachable(path: Path, error: OSError) -> CubeError:
    if isinstance(error, PermissionError):
        return NotAllowed(
            f"no right to use the data directory {path}: {error.strerror}",
            hint="start the manager as its owner, or choose another data directory",
        )
    return LedgerBroken(
        f"the data directory {path} cannot be used: {error.strerror}",
        hint="choose a data directory on a local disk that can be written",
    )
