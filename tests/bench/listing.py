"""`GET /task` with many tasks: all of them, and the first page."""

from __future__ import annotations

import time

from tests.bench.cluster import Cluster, cpu_seconds, spec
from tests.bench.figures import percentile, table

BULK = 1_000
PAGE = 100


async def measure(tasks: int, rounds: int) -> str:
    """Ask a manager without workers, so that every task waits."""
    async with Cluster(workers=0) as cluster:
        for start in range(0, tasks, BULK):
            some = range(start, min(start + BULK, tasks))
            bulk = [spec(f"bench-list-{number}") for number in some]
            async with cluster.session.post("/task", json=bulk) as answer:
                answer.raise_for_status()
        rows = []
        for name, path in (("all", "/task"), (f"the first {PAGE}", f"/task?limit={PAGE}")):
            taken, size, before = [], 0, cpu_seconds(cluster.manager_pid)
            for _ in range(rounds):
                began = time.perf_counter()
                async with cluster.session.get(path) as answer:
                    size = len(await answer.read())
                taken.append(time.perf_counter() - began)
            used = (cpu_seconds(cluster.manager_pid) - before) / rounds
            shown = (f"{percentile(taken, share) * 1000:.0f}" for share in (0.5, 1.0))
            rows.append((name, str(rounds), f"{size / 2**20:.1f}", *shown, f"{used * 1000:.0f}"))
        async with cluster.session.get("/stats") as answer:
            lag = (await answer.json())["loop_lag_max_ms"]
    columns = (f"of {tasks:,} tasks", "n", "MiB", "p50 ms", "most ms", "processor ms")
    note = f"\n\nThe manager's loop was late by {lag:.0f} ms at most."
    return table(columns, rows) + note
