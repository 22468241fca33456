"""One SQLite connection on a thread of its own. Whatever is done with it is a function of the connection.

SQLite blocks while the disk syncs, which must not stop the event loop; and its write-ahead log is only safe with a
single connection that writes (a race corrupts it in the versions before 3.51.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from cube.errors import ManagerAway, TimedOut
from cube.store.failures import translate

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], None]
Opener = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Database:
    """The connection's thread: jobs run one at a time, in the order they were handed in.

    The thread is a daemon: a manager that dies without closing must not wait for it. What it was doing then is a
    crash like any other, which the write-ahead log is for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        # Unbounded, as its users are not: the writer posts one job at a time, readers wait for their answer.
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._ended = asyncio.Event()

    async def open(self, opener: Opener) -> None:
        """Start the thread and enter the opener there; it is left there when the database is closed.

        Raises what the opener raises, in cube's words. Cancelled, it leaves nothing open.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(
            target=self._run, args=(opener, opened), name="ledger", daemon=True
        ).start()
        try:
            await opened
        except BaseException:
            self._jobs.put(None)
            raise

    def post(self, job: Job) -> None:
        """Have the job done. It answers for its own failures: nobody else hears of them."""
        self._jobs.put(job)

    async def call(self, work: Callable[[sqlite3.Connection], T], *, within: float) -> T:
        """Return what `work` returns, or raise what it raises in cube's words.

        TimedOut after `within` seconds, ManagerAway once closed. When the caller no longer waits, the work is still
        done.
        """
        if self._closed:
            raise ManagerAway("the ledger is closed: the manager is stopping")
        answer: asyncio.Future[T] = self._loop.create_future()

        def job(connection: sqlite3.Connection) -> None:
            try:
                result = work(connection)
            except Exception as error:  # the end of the thread's stack: it is the caller's
                self.tell(_fail, answer, translate(error, self.path))
            else:
                self.tell(_resolve, answer, result)

        self.post(job)
        try:
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise self._too_slow(within) from None

    def do_waiting(self, connection: sqlite3.Connection) -> None:
        """Do what was handed in meanwhile. For a long job, between its parts; ManagerAway when it is to end instead."""
        for _ in range(self._jobs.qsize()):
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                raise ManagerAway("the ledger is being closed")
            job(connection)

    async def close(self, *, within: float) -> None:
        """Do everything that was handed in, close the connection and end the thread. Repeats safely."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        try:
            async with asyncio.timeout(within):
                await self._ended.wait()
        except TimeoutError:
            raise self._too_slow(within) from None

    def tell(self, listener: Callable[..., object], *arguments: object) -> None:
        """Call the listener on the event loop. For jobs."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(listener, *arguments)

    def _run(self, opener: Opener, opened: asyncio.Future[None]) -> None:
        try:
            with opener() as connection:
                self.tell(_resolve, opened, None)
                while (job := self._jobs.get()) is not None:
                    job(connection)
        except Exception as error:  # as above; later than the opening nobody waits for it
            self.tell(_fail, opened, translate(error, self.path))
        finally:
            self.tell(self._ended.set)

    def _too_slow(self, within: float) -> TimedOut:
        return TimedOut(f"the disk of {self.path} did not answer within {within:g} s")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make everything inside durable on leaving, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
