"""How long a killed manager with many tasks takes until it serves again."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import aiohttp

from tests.bench.figures import percentile
from tests.faults.findings import Findings
from tests.faults.manager_process import (
    ON_SIMULATED,
    ManagerProcess,
    manager_process,
    simulated_workers,
)

TASKS = 10_000
WORKERS = 10
ROUNDS = 100
AT_ONCE = 500  # tasks in one request
SECONDS = 1.0  # the promise
FILLING_SECONDS = 600.0


def measure(rounds: int = 0, *, tasks: int = TASKS) -> Findings:
    """Kill and start a manager with that many running tasks, so often."""
    with tempfile.TemporaryDirectory(prefix="cube-restart-") as home:
        return asyncio.run(_measure(Path(home), rounds or ROUNDS, tasks))


async def _measure(home: Path, rounds: int, tasks: int) -> Findings:
    findings = Findings(f"restart: a manager with {tasks} running tasks, killed and started")
    async with manager_process(home) as manager:
        await manager.start()
        async with simulated_workers(home, manager.port, WORKERS):
            await fill(manager, tasks)
            took = []
            for _ in range(rounds):
                await manager.kill()
                took.append(await manager.start())
            seen = await count_running(manager)
        size = sum(file.stat().st_size for file in manager.data.iterdir())
    findings.row("kills", rounds)
    findings.row("ledger, MB", f"{size / 1e6:.0f}")
    findings.row("tasks running at the end", seen, kept=seen == tasks)
    findings.row("start of the process to /readyz, p50 s", f"{percentile(took, 0.5):.2f}")
    asked = f"the same, p99 s (at most {SECONDS:g} on a machine with nothing else to do)"
    # Not judged: a machine that others use takes as long as they make it.
    findings.row(asked, f"{percentile(took, 0.99):.2f}")
    used = manager.start_cpu[1:]  # the first had nothing to read
    middle, most = percentile(used, 0.5), percentile(used, 0.99)
    findings.row("processor time of such a start, p50 and p99 s", f"{middle:.2f}, {most:.2f}")
    return findings


async def fill(manager: ManagerProcess, tasks: int) -> None:
    """Create so many tasks, each by a keyed request of many, and wait until all run."""
    async with aiohttp.ClientSession(manager.url) as session:
        for start in range(0, tasks, AT_ONCE):
            names = [f"r{number}" for number in range(start, min(start + AT_ONCE, tasks))]
            key = {"Idempotency-Key": f"fill-{start}"}
            body = [_document(name) for name in names]
            async with session.post("/task", json=body, headers=key) as answer:
                if answer.status != 207:
                    raise RuntimeError(f"POST /task: {answer.status} {await answer.text()}")
        async with asyncio.timeout(FILLING_SECONDS):
            while await count_running(manager) < tasks:
                await asyncio.sleep(0.5)


async def count_running(manager: ManagerProcess) -> int:
    """Return how many tasks run."""
    async with (
        aiohttp.ClientSession(manager.url) as session,
        session.get("/task", params={"state": "running"}) as answer,
    ):
        return len(await answer.json())


def _document(name: str) -> dict[str, object]:
    return {"name": name, "image": "busybox", "constraints": ON_SIMULATED}
