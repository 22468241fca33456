"""Slow and idle strangers on the TLS port beside workers over TLS: health, workers lost, the manager's memory.

Needs root: the manager goes before all that would run elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from cube.security.tls import asking_context
from tests.bench.cluster import cpu_seconds, free_port, resident_bytes
from tests.bench.figures import percentile, table
from tests.bench.open_files import allow_many
from tests.bench.strangers import OUTSIDE

WORKERS = 1_000
PROCESSES = 4  # of strangers
SECONDS = 60.0  # for which all are there
LOOK_EVERY = 0.05
READY_SECONDS = 30.0
GATHER_SECONDS = 300.0
FIRST = -15  # of the manager and of who measures it: the others would be on machines of their own
BEHIND = ("nice", "-n", str(-FIRST))  # as everybody else


class Program:
    """A process that answers each line with one of JSON, or says nothing."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def tell(self, text: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())

    async def ask(self) -> dict[str, int]:
        """Return what it counts."""
        assert self._process.stdout is not None
        self.tell("")
        async with asyncio.timeout(READY_SECONDS):
            line = await self._process.stdout.readline()
        counts: dict[str, int] = json.loads(line)
        return counts


class Seen(msgspec.Struct):
    """What was measured."""

    here: list[float] = []
    """Seconds until `/healthz` answered on loopback."""
    outside: list[float] = []
    """The same over TLS, by a stranger with a connection of its own each time."""
    failed: int = 0
    memory: int = 0
    connected: int = 0


async def measure(strangers: int, workers: int) -> str:
    """Let the workers join, measure, then let the strangers come, and measure again."""
    allow_many()
    os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    async with contextlib.AsyncExitStack() as exits:
        data = Path(tempfile.mkdtemp(prefix="cube-bench-"))
        exits.callback(shutil.rmtree, data, ignore_errors=True)
        port = free_port()
        manager = await exits.enter_async_context(_manager(port, data))
        http = await exits.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        await _until_ready(http)
        crew = await exits.enter_async_context(_program("tests.bench.tls_workers", port, workers))
        async with http.post("/join-token", json={"uses": workers}) as answer:
            crew.tell((await answer.json())["token"])
        await _gathered(crew, "in_session", workers)
        alone = await _measured(http, port, manager, [])
        share = strangers // PROCESSES
        crowd = [
            await exits.enter_async_context(
                _program("tests.bench.strangers", port, one * share, share)
            )
            for one in range(PROCESSES)
        ]
        for one in crowd:
            await _gathered(one, "dialled", share)
        before, began = cpu_seconds(manager.pid), time.perf_counter()
        crowded = await _measured(http, port, manager, crowd)
        used = (cpu_seconds(manager.pid) - before) / (time.perf_counter() - began)
        ended = (await crew.ask())["ended"]
        lost = await _lost(http)
    rows = [_row("workers alone", alone), _row(f"and {strangers:,} strangers", crowded)]
    columns = (
        *("who is there", "of them connected", "health p50 ms", "p99 ms", "over TLS p50 ms"),
        *("p99 ms", "failed", "manager MB"),
    )
    return (
        f"{table(columns, rows)}\n\n{workers:,} workers: {ended} sessions ended, {lost} nodes lost. "
        f"The manager took {used:.0%} of a core while the strangers were there."
    )


def _row(who: str, seen: Seen) -> tuple[str, ...]:
    figures = (
        percentile(seen.here, 0.5), percentile(seen.here, 0.99),
        percentile(seen.outside, 0.5), percentile(seen.outside, 0.99),
    )  # fmt: skip
    milliseconds = (f"{seconds * 1000:.1f}" for seconds in figures)
    return (
        who,
        f"{seen.connected:,}",
        *milliseconds,
        str(seen.failed),
        f"{seen.memory / 1e6:.0f}",
    )


async def _measured(
    http: aiohttp.ClientSession, port: int, manager: Program, crowd: list[Program]
) -> Seen:
    """Look at the manager for a while."""
    seen = Seen()
    until = time.perf_counter() + SECONDS
    outside = f"https://{OUTSIDE}:{port}"
    async with aiohttp.ClientSession(
        outside, connector=aiohttp.TCPConnector(ssl=asking_context(), force_close=True)
    ) as stranger:
        while time.perf_counter() < until:
            await _look(http, seen.here, seen)
            await _look(stranger, seen.outside, seen)
            seen.memory = max(seen.memory, resident_bytes(manager.pid))
            await asyncio.sleep(LOOK_EVERY)
    seen.connected = sum([(await one.ask())["connected"] for one in crowd])
    return seen


async def _look(http: aiohttp.ClientSession, times: list[float], seen: Seen) -> None:
    began = time.perf_counter()
    try:
        async with http.get("/healthz") as answer:
            seen.failed += answer.status != 200
    except aiohttp.ClientError:
        seen.failed += 1
    times.append(time.perf_counter() - began)


async def _lost(http: aiohttp.ClientSession) -> int:
    async with http.get("/event", params={"kind": "node.lost", "limit": 1000}) as answer:
        events: list[Any] = await answer.json()
        return len(events)


async def _until_ready(http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with http.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


async def _gathered(program: Program, what: str, count: int) -> None:
    async with asyncio.timeout(GATHER_SECONDS):
        while (await program.ask())[what] < count:
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _manager(port: int, data: Path) -> AsyncIterator[Program]:
    with (data / "manager.log").open("wb") as log:
        command = ("-m", "cube", "manager", "start", "--host", "0.0.0.0", "--advertise", OUTSIDE)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "--port", str(port), "--data", str(data / "manager")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Program(process)
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def _program(module: str, *arguments: int) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *(*BEHIND, sys.executable, "-m", module, *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
