"""A course of commits run under strace, which kills it, fails it or slows it at one system call, or records them all.

The child is forked, not started anew, since thousands are needed; strace is attached to it before it begins.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.driver import drive

# Everything by which the ledger's files can change. SQLite asks for nothing else on Linux.
WRITES = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink")
NEVER = 65_535  # the highest number strace can wait for
SECONDS = 60.0  # for one course; the longest takes two


class Run(NamedTuple):
    """How a course ended. `exit_code` is negative for the signal that killed it."""

    said: list[str]
    exit_code: int
    trace: str

    @property
    def acknowledged(self) -> int:
        """How many commits it said were acknowledged."""
        return max((int(line) for line in self.said if line.isdigit()), default=0)


def killed_at(directory: Path, commits: int, call: str, number: int) -> Run:
    """Kill the course just before the call of that name is made for the number-th time."""
    # Not with --seccomp-bpf: strace 6.1 then injects errors, but no signals.
    return run(directory, commits, f"inject={call}:signal=KILL:when={number}")


def failed_at(directory: Path, commits: int, call: str, number: int, error: str) -> Run:
    """Let that call on the ledger or its log fail once."""
    files = ("-P", str(directory / "ledger.db"), "-P", str(directory / "ledger.db-wal"))
    return run(directory, commits, f"inject={call}:error={error}:when={number}", "-y", *files)


def recorded(directory: Path, commits: int) -> Run:
    """Let the course run to its end, with everything it writes and says in the trace."""
    calls = ",".join((*WRITES, "write", "openat", "close"))
    return run(directory, commits, f"trace={calls}", "-xx", "-y", "-s", "1000000")


def run(directory: Path, commits: int, expression: str, *options: str) -> Run:
    """Run the course under strace with this expression, until it ends."""
    trace = directory.with_name(f"{directory.name}.trace")
    go_read, go_write = os.pipe()
    said_read, said_write = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(directory, commits, go_read, said_write)
    os.close(go_read)
    os.close(said_write)
    traced = () if expression.startswith("trace=") else ("-e", f"trace={','.join(WRITES)}")
    command = ("strace", "-f", "-o", str(trace), *traced, "-e", expression, *options)
    try:
        with subprocess.Popen((*command, "-p", str(child)), stderr=subprocess.PIPE) as strace:
            _wait_until_attached(strace)
            os.write(go_write, b"go")
            said = _read_all(said_read)
            exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            child = 0
            strace.wait(SECONDS)
    finally:
        os.close(go_write)
        os.close(said_read)
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return Run(said, exit_code, trace.read_text(errors="replace"))


def count_calls(trace: str, names: Sequence[str] = WRITES) -> dict[str, int]:
    """Return how often each of these calls was made."""
    return {name: trace.count(f" {name}(") for name in names}


def _be_the_child(directory: Path, commits: int, go: int, said: int) -> None:
    """Wait for the word, run the course, and end; never returns."""
    exit_code = 70
    try:
        signal.alarm(int(SECONDS))  # whatever happens to the parent
        os.dup2(said, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.read(go, 2)
        exit_code = asyncio.run(drive(directory, commits))
    finally:
        os._exit(exit_code)


def _wait_until_attached(strace: subprocess.Popen[bytes]) -> None:
    assert strace.stderr is not None
    said = ""
    while "attached" not in said:
        line = strace.stderr.readline().decode()
        if not line:
            raise RuntimeError(f"strace does not attach: {said}")
        said += line


def _read_all(pipe: int) -> list[str]:
    chunks = []
    while chunk := os.read(pipe, 65536):
        chunks.append(chunk)
    # The last line may be cut short by a kill.
    return b"".join(chunks).decode().split("\n")[:-1]
