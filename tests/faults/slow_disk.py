"""Every sync of the manager's disk takes a second: heartbeats and reads go on, no worker is given up."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.figures import percentile
from tests.faults.findings import Findings
from tests.faults.manager_process import ON_SIMULATED, manager_process, simulated_workers

SECONDS = 60
SYNC_MICROSECONDS = 1_000_000
WORKERS = 3
CLIENTS = 4
READ_SECONDS = 6.0  # a list shows nothing that is not recorded: twice it may wait for a sync and the one behind
LOST = ("node.suspect", "node.lost")


def measure(rounds: int = 0) -> Findings:
    """Change and read for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="cube-slow-") as home:
        return asyncio.run(_measure(Path(home), rounds or SECONDS))


async def _measure(home: Path, seconds: int) -> Findings:
    # -D: the process that is started is the manager, so that a signal reaches it.
    slow = f"inject=fdatasync,fsync:delay_enter={SYNC_MICROSECONDS}"
    prefix = ("strace", "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", slow)
    changes: list[float] = []
    reads: list[float] = []
    probes: list[float] = []
    async with manager_process(home, prefix) as manager:
        await manager.start()
        async with (
            simulated_workers(home, manager.port, WORKERS),
            aiohttp.ClientSession(manager.url) as session,
        ):
            until = time.monotonic() + seconds
            async with asyncio.TaskGroup() as group:
                for client in range(CLIENTS):
                    group.create_task(_change(session, client, until, changes), name="changes")
                group.create_task(_read(session, "/task", until, reads), name="reads")
                group.create_task(_read(session, "/healthz", until, probes), name="probes")
            events = await _events(session)
    given_up = [f"{one['kind']} {one['node']}" for one in events if one["kind"] in LOST]
    findings = Findings("slow_disk: each sync takes 1 s")
    findings.row("seconds", seconds)
    findings.row("changes made", len(changes), kept=bool(changes))
    findings.row("a change, p50 s", f"{percentile(changes, 0.5):.2f}")
    findings.row("reads", len(reads), kept=bool(reads))
    slowest = max(reads, default=0.0)
    findings.row("a read while changes are made, p50 s", f"{percentile(reads, 0.5):.2f}")
    asked = f"the same, most s (at most {READ_SECONDS:g})"
    findings.row(asked, f"{slowest:.2f}", kept=slowest <= READ_SECONDS)
    findings.row("health, most s", f"{max(probes, default=0.0):.3f}")
    findings.none("workers suspected or given up", given_up)
    return findings


async def _change(
    session: aiohttp.ClientSession, client: int, until: float, took: list[float]
) -> None:
    number = 0
    while (began := time.monotonic()) < until:
        number += 1
        name = f"c{client}-{number}"
        task = {"name": name, "image": "busybox", "constraints": ON_SIMULATED}
        async with session.post("/task", json=task) as answer:
            if answer.status != 201:
                raise RuntimeError(f"POST /task: {answer.status} {await answer.text()}")
        took.append(time.monotonic() - began)


async def _read(session: aiohttp.ClientSession, path: str, until: float, took: list[float]) -> None:
    while (began := time.monotonic()) < until:
        async with session.get(path) as answer:
            answer.raise_for_status()
            await answer.read()
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.05)


async def _events(session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["revision"] if found else 0
        async with session.get("/event", params={"after": after, "limit": 1000}) as answer:
            some = await answer.json()
        if not some:
            return found
        found += some
