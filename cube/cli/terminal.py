"""The terminal of a command that runs elsewhere: raw while it runs and put back whatever happens.

Nothing here makes a descriptor non-blocking: that would stay so for the shell that shares it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import termios
import threading
import tty
from collections.abc import AsyncIterator, Iterator

from cube.cli.output import note
from cube.wire.tunnels import Reached, Resize, Signal

READ_BYTES = 32 * 1024
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
STDIN, STDOUT, STDERR = 0, 1, 2


def size_of(fd: int) -> tuple[int, int]:
    """Return rows and columns of a terminal; 0 and 0 of what is none."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return rows, columns


@contextlib.contextmanager
def raw(fd: int) -> Iterator[None]:
    """Pass every key on as it is typed. The terminal is as before after the block."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)  # not FLUSH: what was typed ahead is kept
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


class TerminalStreams:
    """This process's stdin, stdout, stderr and signals. To be used inside a running loop, as a context.

    With a terminal, signals are keys: the remote one makes them. A signal that comes all the same ends the session;
    without a terminal it is passed on, and the second one ends the session.
    """

    def __init__(self, *, tty: bool, quiet: bool = False) -> None:
        self._tty = tty
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._controls: asyncio.Queue[Resize | Signal | None] = asyncio.Queue()  # a human's pace
        self._writer = _Writer(self._loop)
        self._interrupted = False
        self.ended_by = 0  # the signal that ended the session

    def __enter__(self) -> TerminalStreams:
        for number in FORWARDED:
            self._loop.add_signal_handler(number, self._signalled, number)
        if self._tty:
            self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number in (*FORWARDED, signal.SIGWINCH):
            self._loop.remove_signal_handler(number)

    def reached(self, reached: Reached) -> None:
        """Say which slot it is, where that was chosen and nobody could know."""
        if reached.chosen and not self._quiet:
            note(f"cube: in {reached.name} on {reached.node}\r")

    def write(self, data: bytes, *, error: bool) -> asyncio.Future[None]:
        """Begin to write to stdout or stderr."""
        return self._writer.write(STDERR if error else STDOUT, data)

    async def input(self) -> AsyncIterator[bytes]:
        """What comes on stdin, until its end."""
        while data := await self._read():
            yield data

    async def controls(self) -> AsyncIterator[Resize | Signal]:
        """New sizes and signals."""
        while (control := await self._controls.get()) is not None:
            yield control

    async def _read(self) -> bytes:
        try:
            readable = self._loop.create_future()
            self._loop.add_reader(STDIN, _set, readable)
        except PermissionError:  # a plain file, which never keeps anybody waiting
            return os.read(STDIN, READ_BYTES)
        except OSError:  # it was closed before we began
            return b""
        try:
            await readable
        finally:
            self._loop.remove_reader(STDIN)
        try:
            return os.read(STDIN, READ_BYTES)
        except OSError:  # the terminal is gone
            return b""

    def _resized(self) -> None:
        rows, columns = size_of(STDIN)
        self._controls.put_nowait(Resize(rows, columns))

    def _signalled(self, number: int) -> None:
        if self._tty or self._interrupted:
            self.ended_by = number
            self._controls.put_nowait(None)
        else:
            self._interrupted = True
            self._controls.put_nowait(Signal(number))


class _Writer(threading.Thread):
    """Writes in a thread: a terminal that is stopped or a full pipe must not stop what answers the other side."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="output", daemon=True)
        self._loop = loop
        self._pieces: queue.SimpleQueue[tuple[int, bytes, asyncio.Future[None]]] = (
            queue.SimpleQueue()  # bounded by the window of the tunnel
        )

    def write(self, fd: int, data: bytes) -> asyncio.Future[None]:
        done = self._loop.create_future()
        self._pieces.put((fd, data, done))
        return done

    def run(self) -> None:
        while True:
            fd, data, done = self._pieces.get()
            problem: OSError | None = None
            try:
                _write_all(fd, data)
            except OSError as error:
                problem = error
            with contextlib.suppress(RuntimeError):  # the loop has ended before
                self._loop.call_soon_threadsafe(_settle, done, problem)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _settle(future: asyncio.Future[None], problem: OSError | None) -> None:
    if not future.done():
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(problem)
