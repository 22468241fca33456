"""Processes of the lab: started apart from whoever started them, and known by pid and start time together.

A pid alone may by now be somebody else's; with its start time it names one process for ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

DEATH_SECONDS = 20.0  # a host takes its engine and a dozen containers with it


class Mark(msgspec.Struct, frozen=True):
    """One process, whether it lives or not."""

    pid: int
    started: int  # clock ticks after boot

    @property
    def alive(self) -> bool:
        """Whether it lives. One that ended and was never waited for is dead."""
        stat = _stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state != "Z"

    @property
    def parent(self) -> Mark | None:
        """Who started it and waits for it; None when that is over."""
        stat = _stat(self.pid)
        return mark(stat.parent) if stat is not None and stat.parent else None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float = DEATH_SECONDS) -> None:
        """Return once it is dead. TimeoutError when it lives on."""
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} lives after {seconds:g} s")
            time.sleep(0.005)
        with contextlib.suppress(ChildProcessError):  # another process may be its parent
            os.waitpid(self.pid, os.WNOHANG)

    def kill(self) -> None:
        """SIGKILL; return once it is dead."""
        self.signal(signal.SIGKILL)
        self.wait()

    def child(self, seconds: float = 10.0) -> Mark:
        """Return its first child as soon as there is one: what nsenter and unshare were told to run."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, IndexError, LookupError):
                return self._children()[0]
            if time.monotonic() > deadline or not self.alive:
                raise LookupError(f"process {self.pid} has no child")
            time.sleep(0.005)

    def _children(self) -> list[Mark]:
        # Each thread has its own: a program in Go starts processes from any of them.
        lists = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [mark(int(pid)) for file in lists for pid in file.read_text().split()]


def mark(pid: int) -> Mark:
    """Return the process that has this pid now. LookupError when there is none."""
    stat = _stat(pid)
    if stat is None:
        raise LookupError(f"no process {pid}")
    return Mark(pid, stat.started)


def start(command: list[str], *, log: Path, environment: Mapping[str, str]) -> Mark:
    """Start a command in a session of its own, so that it outlives its starter. Its output is appended to `log`."""
    pid = os.posix_spawnp(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return mark(pid)


class _Stat(NamedTuple):
    state: str
    parent: int
    started: int


def _stat(pid: int) -> _Stat | None:
    """What the kernel tells of a process, None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return _Stat(fields[0], int(fields[1]), int(fields[19]))
