"""`POST /task` to running, against create and start sent straight to the engine; and removal of each."""

from __future__ import annotations

import time

from tests.bench.cluster import Cluster, spec
from tests.bench.engine import Engine
from tests.bench.figures import LATENCY_COLUMNS, latency_rows, table


async def measure(rounds: int) -> str:
    """Take turns between the engine and cube, so that a busy moment of the machine hits both."""
    direct: list[float] = []
    through_cube: list[float] = []
    async with Engine() as engine, Cluster() as cluster, cluster.watch() as seen:
        for number in range(rounds + 1):
            began = time.perf_counter()
            container = await engine.run()
            took_direct = time.perf_counter() - began
            await engine.remove(container)

            began = time.perf_counter()
            task_id = await cluster.submit(spec(f"bench-start-{number}"))
            await seen.wait(task_id, "allocation.running")
            took_cube = time.perf_counter() - began
            await cluster.delete(task_id)
            await seen.wait(task_id, "allocation.removed")

            if number:  # the first of each warms connections and caches
                direct.append(took_direct)
                through_cube.append(took_cube)
    rows = latency_rows(
        {"engine: create + start": direct, "cube: POST to running": through_cube},
        over="engine: create + start",
    )
    return table(LATENCY_COLUMNS, rows)
