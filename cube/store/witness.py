"""The witness: which revision is recorded, noted outside of the ledger after each transaction, never synced.

SQLite takes a write-ahead log whose end is damaged, cut off or gone for one that was never written, and opens the older
state without a word. The witness tells such a loss from a crash. It costs one small write to the page cache, which
survives the death of the process; after a power cut it may be older than the ledger, and then it proves less. It is
never ahead of what is on the disk, so no crash is taken for damage.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from zlib import crc32

from cube.store.failures import Unusable

log = logging.getLogger(__name__)

WITNESS_FILE = "ledger.witness"


class Witness:
    """The highest revision that was acknowledged from this ledger, as far as is known. For the ledger's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def check(self, revision: int) -> None:
        """Unusable when the ledger, which ends at this revision, has lost some that were recorded."""
        noted = self._noted()
        if revision < noted:
            raise Unusable(
                f"lost its newest changes: it ends at revision {revision}, and {noted} was recorded",
                hint="bring back the ledger and its -wal file as they were, or go on from the last backup:"
                f" cube manager recover --data {self._path.parent}",
            )

    def note(self, revision: int) -> None:
        """Note that everything up to this revision is on the disk. A note that cannot be made is left out."""
        try:
            if self._file < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            os.pwrite(self._file, _text(revision), 0)
        except OSError as error:  # a full disk, for one: it only proves less
            log.warning("%s could not be written: %s", self._path, error.strerror)

    def forget(self) -> None:
        """Forget the note: everything is in the ledger's file, which can be replaced as it is."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file. Repeats safely."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _noted(self) -> int:
        """The revision that is noted, 0 where none can be read: a torn note says nothing about the ledger."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise Unusable(f"has a witness that cannot be read: {error}") from error
        digits = text.partition(b" ")[0]
        noted = int(digits) if digits.isdigit() and len(digits) < 20 else 0
        return noted if text == _text(noted) else 0


def _text(revision: int) -> bytes:
    # Of one length, so that no note leaves a part of the one before.
    number = b"%019d" % revision
    return b"%b %08x\n" % (number, crc32(number))
