"""Group commit: transactions that wait together become one transaction of SQLite and share one sync of the disk.

Invariants
- Commits become durable in the order they were handed in, each whole or not at all, and are answered in that order.
- After one failed, none behind it is tried: each may build on what was not recorded.
- The event loop is woken once for a group, not once for a commit.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from time import sleep
from typing import NamedTuple, TypeVar

from cube.errors import CubeError, LedgerBroken, LedgerFull, Overloaded
from cube.store import tables
from cube.store.database import Database, transaction
from cube.store.failures import translate
from cube.store.records import Rows
from cube.store.witness import Witness

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_WAITING = 20_000  # commits: some seconds of the disk's work, about 50 MB
GROUP_COMMITS = 2_000  # beside a busy event loop a group takes 50 ms, whatever its size
GROUP_ROWS = 5_000  # about 100 ms of SQLite's work
CHECKPOINT_ROWS = 10_000  # about 20 MB of write-ahead log, and 0.1 s of copying it
COMMIT_ROWS = 4  # what the pages that every commit touches count for, in rows
GATHER_SECONDS = 0.0005  # where two commit at once, more are about to; a sync takes longer


class _Commit(NamedTuple):
    rows: Rows
    recorded: asyncio.Future[None]


class Writer:
    """Everything that is written goes through here. `commit` is for the event loop, the rest happens on the thread."""

    def __init__(self, database: Database, witness: Witness) -> None:
        self._database = database
        self._witness = witness
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Commit] = deque()
        self._posted = False  # a flush is on its way and will see what is queued now
        self._unanswered = 0
        self._refusal: CubeError | None = None  # of the loop: nothing is queued
        self.failure: CubeError | None = None
        """Why nothing that is queued is written any more. The thread's to change."""
        self._rows_since_checkpoint = 0
        self.transactions = 0
        """How many transactions SQLite has made durable."""

    @property
    def waiting(self) -> int:
        """How many commits are not answered yet."""
        return self._unanswered

    def commit(self, rows: Rows) -> asyncio.Future[None]:
        """Queue the rows. The future resolves when they and everything queued before are on the disk."""
        recorded: asyncio.Future[None] = self._loop.create_future()
        if self._refusal is None and self._unanswered >= MOST_WAITING:
            # What follows may build on this one, so it is refused too.
            self._refusal = Overloaded(f"{MOST_WAITING} changes wait for the disk; try again later")
        if self._refusal is not None:
            recorded.set_exception(self._refusal)
        else:
            self._unanswered += 1
            self._queue.append(_Commit(rows, recorded))
            if not self._posted:
                self._posted = True
                self._database.post(self._flush)
        return recorded

    def refuse(self, reason: CubeError | None) -> None:
        """Fail every commit from here on with the reason, None: take them again. Those queued are not touched."""
        self._refusal = reason

    def run(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns, in a transaction of its own."""
        if self.failure is not None:
            raise self.failure
        try:
            with transaction(connection):
                return work(connection)
        except Exception as error:
            raise self._failed(error) from error

    def begin_again(self, connection: sqlite3.Connection) -> None:
        """Write again after the disk was full. LedgerFull when it still is, LedgerBroken when it was not that.

        A failed sync is never tried again: the kernel may report success for pages it has dropped.
        """
        if isinstance(self.failure, LedgerBroken):
            raise self.failure
        self._checkpoint(connection)  # shows that there is room, and makes some in the log
        self.failure = None

    def give_up_if_broken(self, _: sqlite3.Connection) -> None:
        """End the thread as after a crash, where writing has failed for good. The last job there is."""
        if isinstance(self.failure, LedgerBroken):
            raise self.failure

    # -- on the database's thread ---------------------------------------------------------------------------------

    def _flush(self, connection: sqlite3.Connection) -> None:
        if len(self._queue) > 1:  # one that comes alone waits for nobody
            sleep(GATHER_SECONDS)
        self._posted = False  # before the first look: whoever commits after it posts again
        left = len(self._queue)
        while left > 0:
            group = self._take_group()
            left -= len(group)
            failure = self.failure or self._record(connection, group)
            self._database.tell(self._answer, group, failure)
            if failure is None and self._rows_since_checkpoint >= CHECKPOINT_ROWS:
                self._checkpoint_in_passing(connection)

    def _take_group(self) -> list[_Commit]:
        group: list[_Commit] = []
        rows = 0
        while self._queue and len(group) < GROUP_COMMITS and rows < GROUP_ROWS:
            commit = self._queue.popleft()
            group.append(commit)
            rows += len(commit.rows)
        return group

    def _record(self, connection: sqlite3.Connection, group: list[_Commit]) -> CubeError | None:
        rows = Rows()
        for commit in group:
            rows.absorb(commit.rows)
        if not len(rows):
            return None
        try:
            with transaction(connection):
                tables.write(connection, rows)
        except Exception as error:  # the end of the thread's stack: whoever committed hears of it
            self.failure = self._failed(error)
            log.error("the ledger takes no more changes: %s", self.failure)
            return self.failure
        if rows.events:
            self._witness.note(rows.events[-1][0])
        self.transactions += 1
        self._rows_since_checkpoint += len(rows) + COMMIT_ROWS
        return None

    def _checkpoint_in_passing(self, connection: sqlite3.Connection) -> None:
        try:
            self._checkpoint(connection)
        except CubeError as failure:
            log.warning("the write-ahead log was not folded into the ledger: %s", failure)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Copy the write-ahead log into the database file, after which the log is written from its start."""
        self._rows_since_checkpoint = 0  # also when it fails: try again as many rows later
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> CubeError:
        """Return the failure in cube's words; all but a full disk is the end of writing."""
        failure = translate(error, self._database.path)
        if not isinstance(failure, LedgerFull):
            self.failure = failure
        return failure

    # -- on the event loop ----------------------------------------------------------------------------------------

    def _answer(self, group: list[_Commit], failure: CubeError | None) -> None:
        self._unanswered -= len(group)
        for commit in group:
            if commit.recorded.done():
                continue  # cancelled: nobody waits
            if failure is None:
                commit.recorded.set_result(None)
            else:
                commit.recorded.set_exception(failure)
