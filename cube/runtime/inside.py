"""The contract for what happens inside a container: commands with their streams, and files as archives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class ExecOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which command, and how. `rows` and `columns` are its terminal's first size; 0 where that is not known."""

    command: tuple[str, ...]
    env: dict[str, str] = {}
    user: str = ""  # empty: the container's
    workdir: str = ""  # empty: the container's
    tty: bool = False
    stdin: bool = False
    rows: int = 0
    columns: int = 0


class PathSeen(msgspec.Struct, frozen=True, gc=False):
    """What is at a path of a container. `kind` is file, folder, link or other."""

    name: str
    kind: str
    size: int = 0
    link: str = ""  # where it leads


class Process(Protocol):
    """A command that runs inside a container. Each verb may be cancelled; all raise only RuntimeFailure."""

    async def read(self) -> tuple[str, bytes] | None:
        """What it wrote next, and to which of stdout and stderr; None when it has closed both.

        With a terminal all is stdout.
        """

    async def write(self, data: bytes) -> None:
        """Give it this on stdin, waiting while it does not read. What nobody reads any more is dropped."""

    async def end_input(self) -> None:
        """Tell it that its stdin has ended. Repeats safely."""

    async def resize(self, rows: int, columns: int) -> None:
        """Give its terminal another size. One that has none, or has ended, is left alone."""

    async def signal(self, number: int) -> None:
        """Send it this signal. One that has ended is left alone."""

    async def exit_code(self) -> int:
        """Wait until it has ended, and return its code."""


class Archive(Protocol):
    """A tar as the engine sends it."""

    info: PathSeen

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its bytes in order, each read when it is asked for."""


class Inside(Protocol):
    """What can be done in one container while it runs. All raise only RuntimeFailure and may be cancelled."""

    def exec(self, options: ExecOptions) -> AbstractAsyncContextManager[Process]:
        """Start the command. COMMAND_NOT_FOUND and BAD_SPEC may come with the first `read` only.

        Leaving the block ends a command that still runs: SIGHUP, and a second later SIGKILL, to it and to all it has
        started that did not make itself a session of its own. One that has ended leaves what it put into the
        background alone.
        """

    async def stat(self, path: str) -> PathSeen | None:
        """What is at the path; None where there is nothing. Links are not followed."""

    def read(self, path: str) -> AbstractAsyncContextManager[Archive | None]:
        """Open what is at the path as a tar with one root; None where there is nothing. Leaving frees it."""

    async def write(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Take a tar apart in a folder that exists. What is left of one that was cut is unknown."""
