"""The data directory: closed to other users, and held by one manager at a time.

The holder's pid file is locked with flock(2), which the kernel lets go of when the process dies, however it dies. It
says who the holder is; a line more while the ledger is open tells the next holder whether it was closed.
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cube.errors import CubeError, LedgerBroken, LedgerHeld, NotAllowed

PID_FILE = "manager.pid"
LEDGER_FILE = "ledger.db"
_LEDGER_OPEN = "ledger open"


class DataDirectory:
    """The directory of one manager, held until `release`."""

    def __init__(self, path: Path, pid_file: int, holder: str, unclean: bool) -> None:
        self.ledger = path / LEDGER_FILE
        self.write_ahead_log = path / f"{LEDGER_FILE}-wal"
        self.unclean = unclean
        """Whether the ledger was left open by a holder that died."""
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
            unclean = _LEDGER_OPEN in _read(pid_file)
            directory = cls(path, pid_file, f"{os.getpid()}\n{since}\n", unclean)
            directory._note(ledger_open=unclean)
        except BlockingIOError:
            held = _held_by(path, _read(pid_file))
            os.close(pid_file)
            raise held from None
        except OSError:
            os.close(pid_file)
            raise
        return directory

    def ledger_opened(self) -> None:
        """Note that from here on the write-ahead log must be found beside the ledger."""
        self._note(ledger_open=True)

    def ledger_closed(self) -> None:
        """Note that everything is in the ledger file itself."""
        self._note(ledger_open=False)

    def release(self) -> None:
        """Let the next manager in. The file stays: removing it would let two managers lock different files."""
        if not self.unclean:
            os.ftruncate(self._pid_file, 0)
        os.close(self._pid_file)

    def _note(self, *, ledger_open: bool) -> None:
        self.unclean = ledger_open
        text = f"{self._holder}{_LEDGER_OPEN}\n" if ledger_open else self._holder
        os.pwrite(self._pid_file, text.encode(), 0)
        os.ftruncate(self._pid_file, len(text))


def _make_private(path: Path) -> None:
    user = os.geteuid()
    if path.is_symlink() and path.lstat().st_uid not in (0, user):
        raise NotAllowed(
            f"the data directory {path} is a link made by {_name_of(path.lstat().st_uid)}",
            hint="name a data directory that only you and root can replace",
        )
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.stat().st_uid
    if owner != user:
        raise NotAllowed(
            f"the data directory {path} belongs to {_name_of(owner)}, not to {_name_of(user)}",
            hint=f"start the manager as {_name_of(owner)}, or choose another data directory",
        )
    path.chmod(0o700)


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
