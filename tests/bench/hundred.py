"""A hundred replicas to running and to gone, against a hundred containers on the raw engine."""

from __future__ import annotations

import time
from functools import partial

from tests.bench.cluster import Cluster, spec
from tests.bench.engine import Engine, spread_over
from tests.bench.figures import percentile, table

CONCURRENCY = (4, 8)  # of the raw engine; its best is what cube is measured against


async def measure(rounds: int, count: int) -> str:
    """Take turns between the engine at each concurrency and cube."""
    up: dict[str, list[float]] = {}
    down: dict[str, list[float]] = {}
    async with Engine() as engine, Cluster() as cluster:
        for number in range(rounds):
            for lanes in CONCURRENCY:
                began = time.perf_counter()
                containers = await spread_over(lanes, [engine.run] * count)
                running = time.perf_counter()
                await spread_over(lanes, [partial(engine.remove, one) for one in containers])
                _note(up, down, f"engine, {lanes} at a time", began, running)
            async with cluster.watch() as seen:
                began = time.perf_counter()
                task_id = await cluster.submit(spec(f"bench-hundred-{number}", count))
                await seen.wait(task_id, "allocation.running", count)
                running = time.perf_counter()
                await cluster.delete(task_id)
                await seen.wait(task_id, "allocation.removed", count)
                _note(up, down, "cube", began, running)
    return table(
        ("what", "rounds", "running s", "ratio to best", "removed s", "ratio to best"),
        rows_over_best(up, down),
    )


def _note(
    up: dict[str, list[float]],
    down: dict[str, list[float]],
    name: str,
    began: float,
    running: float,
) -> None:
    up.setdefault(name, []).append(running - began)
    down.setdefault(name, []).append(time.perf_counter() - running)


def rows_over_best(
    up: dict[str, list[float]], down: dict[str, list[float]]
) -> list[tuple[str, str, str, str, str, str]]:
    """Return a row per name with medians, each over the best median of the raw engine."""
    best_up = min(percentile(up[name], 0.5) for name in up if name.startswith("engine"))
    best_down = min(percentile(down[name], 0.5) for name in down if name.startswith("engine"))
    rows = []
    for name in up:
        starting, removing = percentile(up[name], 0.5), percentile(down[name], 0.5)
        rows.append(
            (
                name,
                str(len(up[name])),
                f"{starting:.2f}",
                f"{starting / best_up:.2f}",
                f"{removing:.2f}",
                f"{removing / best_down:.2f}",
            )
        )
    return rows
