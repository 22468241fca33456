"""What SQLite and damaged records mean to a manager: the only place where their errors become cube's."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from cube.errors import CubeError, LedgerBroken, LedgerFull, LedgerHeld

_PRIMARY_CODE = 0xFF  # the low byte of SQLite's extended result codes


class Unusable(Exception):
    """The file cannot be used as it is. Inside this package only: it does not know which file."""

    def __init__(self, reason: str, *, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def translate(error: Exception, ledger: Path) -> CubeError:
    """Return the error for people, with the file it is about. What cannot be told apart is LedgerBroken."""
    if isinstance(error, CubeError):
        return error
    worded = _word(error, ledger)
    worded.__cause__ = error
    return worded


def _word(error: Exception, ledger: Path) -> CubeError:
    if isinstance(error, Unusable):
        return LedgerBroken(f"{ledger} {error.reason}", hint=error.hint or _restore(ledger))
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return LedgerFull(
            f"no room on the disk of {ledger.parent}; nothing was changed",
            hint=f"free some space: df -h {ledger.parent}",
        )
    if code == sqlite3.SQLITE_BUSY:
        return LedgerHeld(
            f"another process has {ledger} open", hint=f"find and stop it: fuser -v {ledger}"
        )
    return LedgerBroken(f"{ledger} cannot be used: {error}", hint=_restore(ledger))


def _restore(ledger: Path) -> str:
    return f"cube manager recover --data {ledger.parent}; the containers of the cluster run on either way"
