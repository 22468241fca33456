from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from cube.errors import CubeError, LedgerBroken, LedgerFull, LedgerHeld, TimedOut
from cube.store.failures import Unusable, translate

LEDGER = Path("data/ledger.db")


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite_error(sqlite3.SQLITE_FULL), LedgerFull),
        (OSError(errno.ENOSPC, "no space left"), LedgerFull),
        (sqlite_error(sqlite3.SQLITE_BUSY), LedgerHeld),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), LedgerBroken),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), LedgerBroken),
        (sqlite3.ProgrammingError("no code at all"), LedgerBroken),
        (Unusable("is damaged"), LedgerBroken),
        (TypeError("a mistake of ours"), LedgerBroken),
    ],
)
def test_every_failure_has_a_name_a_place_a_cause_and_a_way_out(
    error: Exception, kind: type[CubeError]
) -> None:
    worded = translate(error, LEDGER)

    assert type(worded) is kind
    assert "data" in worded.message
    assert worded.hint
    assert worded.__cause__ is error


def test_what_is_in_cubes_words_already_stays() -> None:
    error = TimedOut("too slow")

    assert translate(error, LEDGER) is error


def test_the_hint_of_whoever_refused_is_kept() -> None:
    assert translate(Unusable("is odd", hint="do this"), LEDGER).hint == "do this"
