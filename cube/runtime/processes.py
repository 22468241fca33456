"""Signals to what runs inside a container, sent from outside.

The engine can start a command in a container and cannot signal it. Its first process leads a session of its own
(runc sees to that), so whatever it started and did not make a daemon is found by that session's number.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

PROC = Path("/proc")


def belongs_to(pid: int, container_id: str) -> bool:
    """Whether the process with this number of ours is one of that container: the engine may be on another machine."""
    try:
        groups = (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False
    return container_id in groups


def number_inside(pid: int) -> int | None:
    """Return the number that the process has inside its container."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def session_of(leader: int, container_id: str) -> list[int]:
    """Return the processes of the session that `leader` leads or led, as far as they are in the container."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdecimal() and _session(folder) == leader:
            pid = int(folder.name)
            if belongs_to(pid, container_id):
                found.append(pid)
    return found


def send(pid: int, number: int, container_id: str) -> bool:
    """Signal one process of the container; False when it is gone. PermissionError when this user may not.

    By a handle, so that a number that is used anew meanwhile hits nobody else.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not belongs_to(pid, container_id):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)
            return True
        return False
    finally:
        os.close(handle)


def _session(folder: Path) -> int | None:
    try:
        stat = (folder / "stat").read_text()
    except OSError:  # it has ended
        return None
    # The name in parentheses may hold anything, parentheses and blanks as well.
    return int(stat.rpartition(")")[2].split()[3])
