"""Many clients that follow all events, while containers come up: how late the manager's loop is, and what they get."""

from __future__ import annotations

import asyncio
import contextlib
import time

import aiohttp

from tests.bench.cluster import Cluster, Watch, cpu_seconds, spec
from tests.bench.figures import table

WORKERS = 20
TASKS, REPLICAS = 20, 50
SECONDS = 120.0


async def measure(followers: int, rounds: int) -> str:
    """Run the same tasks without and with followers, `rounds` times each in turns."""
    rows = []
    for _ in range(rounds):
        for count in (0, followers):
            rows.append(await _measure(count))
    columns = (
        "followers",
        "events",
        "running s",
        "lag p99 ms",
        "most ms",
        "processor s",
        "all got",
    )
    return table(columns, rows)


async def _measure(followers: int) -> tuple[str, ...]:
    events = TASKS * REPLICAS * 2
    async with Cluster(workers=0) as cluster, contextlib.AsyncExitStack() as exits:
        await cluster.simulate(WORKERS, 1, start_time="20ms..200ms")
        following = [await _follow(exits, cluster) for _ in range(followers)]
        before, began = cpu_seconds(cluster.manager_pid), time.perf_counter()
        async with Watch(cluster.session) as seen, asyncio.timeout(SECONDS):
            ids = [await cluster.submit(spec(f"bench-{one}", REPLICAS)) for one in range(TASKS)]
            for id in ids:
                await seen.wait(id, "allocation.running", REPLICAS)
            took = time.perf_counter() - began
            got = 0
            for one in following:
                got += await _count(one, events)
        async with cluster.session.get("/stats") as answer:
            stats = await answer.json()
        used = cpu_seconds(cluster.manager_pid) - before
    lags = (f"{stats[name]:.1f}" for name in ("loop_lag_ms", "loop_lag_max_ms"))
    complete = f"{got / (events * followers):.0%}" if followers else ""
    return (str(followers), str(events), f"{took:.1f}", *lags, f"{used:.2f}", complete)


async def _follow(exits: contextlib.AsyncExitStack, cluster: Cluster) -> aiohttp.ClientResponse:
    request = cluster.session.get(
        "/event",
        headers={"Accept": "text/event-stream"},
        timeout=aiohttp.ClientTimeout(total=None),
    )
    return await exits.enter_async_context(request)


async def _count(answer: aiohttp.ClientResponse, most: int) -> int:
    """Return how many events of allocations the follower got, `most` at most."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            async for line in answer.content:
                count += line.startswith(
                    (b"event: allocation.assigned", b"event: allocation.running")
                )
                if count == most:
                    break
    return count
