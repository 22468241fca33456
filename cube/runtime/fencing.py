"""The worker's side of the watchdog: starts one where there is something to guard, and keeps it informed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cube.model.container import Fence
from cube.runtime import watchdog

log = logging.getLogger(__name__)

SOCKET = "socket"
GREETING_SECONDS = 1.0  # a watchdog does nothing else; one that is frozen is replaced
WAITING_WORKERS = 4  # one speaks; those that were killed may still wait to be noticed
_LISTENER = 3  # the number under which the watchdog is handed its socket


class Fencing:
    """One worker's line to its watchdog, which outlives it. `folder` belongs to both, and to no other worker."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._folder = folder
        self._engine = engine
        self._line: socket.socket | None = None
        self._child = 0
        self._failed = False

    async def inherited(self) -> Fence | None:
        """Take over the watchdog of a former process; return what it guards, None where there is none."""
        line = _new_socket()
        try:
            with self._address() as address:
                line.connect(address)
            async with asyncio.timeout(GREETING_SECONDS):
                greeting = await asyncio.get_running_loop().sock_recv(line, watchdog.MESSAGE_BYTES)
            kill_at, *containers = greeting.decode().split()
        except (OSError, ValueError):  # TimeoutError is an OSError
            line.close()
            return None
        self._line = line
        return Fence(tuple(containers), float(kill_at)) if containers else None

    def guard(self, fence: Fence) -> None:
        """Have this guarded from now on, instead of what was before. Returns at once.

        Where no watchdog can be started that is logged, and tried again with the next call.
        """
        self._bury()
        if self._line is None and not fence.container_ids:
            return
        message = " ".join([repr(fence.kill_at), *fence.container_ids]).encode()
        try:
            if self._line is None or not _sent(self._line, message):
                self.close()
                self._line = self._start(message)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.error("no watchdog: %s; a frozen worker would not stop its containers", error)
            self._failed = True

    def killed(self, container_id: str) -> bool:
        """Whether a watchdog wrote down that it kills this container."""
        return (self._folder / container_id).exists()

    def forget_all_but(self, container_ids: set[str]) -> None:
        """Forget kills of containers that are no more."""
        if not self._folder.exists():
            return
        for path in self._folder.iterdir():
            if path.name != SOCKET and path.name not in container_ids:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Hang up. The watchdog goes on for as long as it guards something. Repeats safely."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _start(self, message: bytes) -> socket.socket:
        """Start a watchdog that finds a worker connected and its message there: nothing has to be waited for."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = _new_socket()
        try:
            with _new_socket() as listener, self._address() as address:
                (self._folder / SOCKET).unlink(missing_ok=True)
                listener.bind(address)
                listener.listen(WAITING_WORKERS)
                line.connect(address)
                line.send(message)
                self._child = _spawn(listener, self._folder, self._engine)
        except OSError:
            line.close()
            raise
        log.info("watchdog started, process %d", self._child)
        return line

    @contextmanager
    def _address(self) -> Iterator[str]:
        """A way to the socket that is short enough for one, however long the folder's name is."""
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{folder}/{SOCKET}"
        finally:
            os.close(folder)

    def _bury(self) -> None:
        """Let the kernel forget a watchdog that ended."""
        if self._child:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self._child, os.WNOHANG)[0]:
                    return
            self._child = 0


def _new_socket() -> socket.socket:
    # Packets: a message comes whole or not at all, however much of the socket's room is taken.
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.setblocking(False)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, watchdog.MESSAGE_BYTES)
    return line


def _sent(line: socket.socket, message: bytes) -> bool:
    """Whether the watchdog has it, or will when it looks; False when it is dead, or hears nothing any more."""
    try:
        line.send(message)
    except OSError:
        return False
    return True


def _spawn(listener: socket.socket, folder: Path, engine: str) -> int:
    path = str(folder.absolute())
    program = [sys.executable, "-I", "-S", watchdog.__file__]
    return os.posix_spawn(
        sys.executable,
        [*program, str(_LISTENER), path, watchdog.place_of(path), engine],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, 2, 1),
            (os.POSIX_SPAWN_DUP2, listener.fileno(), _LISTENER),
        ],
        setsid=True,  # Ctrl-C and the end of a terminal are meant for the worker
    )
