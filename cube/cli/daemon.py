"""Running managers and workers until someone says stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import typer

from cube.cli.exits import Exit
from cube.cli.output import note
from cube.errors import CubeError
from cube.log import JsonLines, LogFormat
from cube.settings import DEFAULT_DATA

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0  # what service managers and `docker stop` grant before they kill
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class LogLevel(StrEnum):
    """How much a daemon tells."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LogFormatOption = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        envvar="CUBE_LOG_FORMAT",
        help="How to log; auto: text on a terminal, else JSON.",
    ),
]
LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much to log.")]


class Daemon(Protocol):
    """A manager or a worker."""

    async def start(self) -> None:
        """Return when it serves."""

    async def stop(self) -> None:
        """Return when it has let go of everything."""


@contextmanager
def importing() -> Iterator[None]:
    """Inside, the modules of a daemon are imported sooner than elsewhere."""
    # numpy would start a thread per processor for the algebra of large matrices, which nobody does here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # all of it stays: to look through it again and again took an eighth of the time
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def announce(sentence: str) -> None:
    """Say that a daemon serves, whatever the level of the log: as a record of it where that is for programs."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.handle(log.makeRecord(log.name, logging.INFO, "", 0, sentence, (), None))
            return
    note(sentence)


def data_directory(kind: str) -> Path:
    """Where a daemon keeps its state unless told: root like a service, others below their home."""
    if os.geteuid() == 0:
        return DEFAULT_DATA / kind
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "cube" / kind


def serve(
    daemons: Sequence[Daemon],
    *,
    ready: Callable[[], None],
    broken: Callable[[], Awaitable[None]] | None = None,
    leaving: Callable[[], None] | None = None,
) -> int:
    """Start them in order, run until SIGINT or SIGTERM, stop them in reverse order.

    `broken` waits for, and raises, what makes going on senseless. `leaving` is called in a
    thread after the signal, while all still serve, and keeps its own time limit.
    """
    _raise_file_limit()
    return asyncio.run(_serve(daemons, ready, broken, leaving))


def _raise_file_limit() -> None:
    """Allow as many open files as may be had: each session is one. The usual 1,024 are for users of select(2)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(
    daemons: Sequence[Daemon],
    ready: Callable[[], None],
    broken: Callable[[], Awaitable[None]] | None,
    leaving: Callable[[], None] | None,
) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, asked.set)
    started: list[Daemon] = []
    try:
        for daemon in daemons:
            started.append(daemon)  # one that failed half-way is stopped too
            await daemon.start()
        ready()
        await _either(asked, broken)
        if leaving is not None:
            await asyncio.to_thread(leaving)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        clean = await _stop(started)
    return Exit.DONE if clean else Exit.FAILED


async def _either(asked: asyncio.Event, broken: Callable[[], Awaitable[None]] | None) -> None:
    """Return when a signal came; raise what broke before one came."""

    async def watch() -> None:
        if broken is not None:
            await broken()

    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch(), name="watch for what ends the daemon")
            await asked.wait()
            watching.cancel()
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


async def _stop(started: list[Daemon]) -> bool:
    """Stop them all within the limit; whether all did."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            for daemon in reversed(started):
                try:
                    await daemon.stop()
                except CubeError as err:
                    log.error("stopping failed: %s", err)
    except TimeoutError:
        log.error("not stopped within %.0f s; leaving anyway", STOP_SECONDS)
        return False
    return True
