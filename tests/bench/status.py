"""How long `cube status`, `cube --help` and a Tab take a person to see, against a bare Python and its imports."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from tests.bench.cluster import Cluster, spec
from tests.bench.figures import LATENCY_COLUMNS, latency_rows, table

TASKS = 20


async def timed(*words: str, manager: str = "") -> float:
    """Return the seconds from the start of the command to its end."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "CUBE_MANAGER": manager},
    )
    async with asyncio.timeout(60):
        code = await process.wait()
    if code:
        raise RuntimeError(f"{' '.join(words)}: exit {code}")
    return time.perf_counter() - began


async def measure(rounds: int) -> str:
    """Take turns between a bare Python, the command's imports alone, and the whole commands."""
    samples: dict[str, list[float]] = {}
    async with Cluster(workers=0) as cluster:
        for number in range(TASKS):
            await cluster.submit(spec(f"bench-status-{number}"))
        target = f"127.0.0.1:{cluster.port}"
        for number in range(rounds + 1):
            taken = {
                "python -c pass": await timed("-c", "pass"),
                "imports only": await timed("-c", "import cube.cli.app, cube.cli.status"),
                "cube status": await timed("-m", "cube", "status", manager=target),
                "cube --help": await timed("-m", "cube", "--help"),
                "Tab on a task's name": await timed(
                    "-m", "cube", "__complete", "task", "bench", manager=target
                ),
            }
            if number:  # the first of each reads the files from the disk
                for name, seconds in taken.items():
                    samples.setdefault(name, []).append(seconds)
    return table(LATENCY_COLUMNS, latency_rows(samples, over="python -c pass"))
