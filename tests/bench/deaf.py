"""Many followers that never read, while containers come up: what the manager holds for them, how it answers others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from tests.bench.cluster import Cluster, cpu_seconds, resident_bytes, spec
from tests.bench.figures import percentile, table

WORKERS = 20
TASKS, REPLICAS = 20, 25
ROUNDS = 3  # of creating and removing them all
ASK_EVERY = 0.05
SECONDS = 300.0
MIB = 2**20
COLUMNS = (
    "stream",
    "followers",
    "left at the end",
    "MiB before",
    "with them",
    *(f"round {number}" for number in range(1, ROUNDS + 1)),
    "asked",
    "p50 ms",
    "p99 ms",
    "processor s",
)


async def measure(followers: int) -> str:
    """Run the same work without followers, with those of `/watch`, and with those of `/event`."""
    rows = [
        await _measure(path, count)
        for path, count in (("/watch", 0), ("/watch", followers), ("/event?follow=1", followers))
    ]
    return table(COLUMNS, rows)


async def _measure(path: str, followers: int) -> tuple[str, ...]:
    async with Cluster(workers=0) as cluster, contextlib.AsyncExitStack() as exits:
        await cluster.simulate(WORKERS, 1, start_time="20ms..200ms")
        sizes = [resident_bytes(cluster.manager_pid)]
        for _ in range(followers):
            exits.callback((await _dial(cluster.port, path)).close)
        await cluster.session.get("/stats")
        sizes.append(resident_bytes(cluster.manager_pid))
        taken: list[float] = []
        asking = asyncio.create_task(_ask(cluster, taken))
        before = cpu_seconds(cluster.manager_pid)
        try:
            for number in range(ROUNDS):
                await _come_and_go(cluster, number)
                sizes.append(resident_bytes(cluster.manager_pid))
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        used = cpu_seconds(cluster.manager_pid) - before
        async with cluster.session.get("/stats") as answer:
            stats = await answer.json()
        left = stats["watchers" if path == "/watch" else "followers"]
    held = (f"{size / MIB:.0f}" for size in sizes)
    late = (f"{percentile(taken, share) * 1000:.1f}" for share in (0.5, 0.99))
    return (path, str(followers), str(left), *held, str(len(taken)), *late, f"{used:.1f}")


async def _dial(port: int, path: str) -> socket.socket:
    """Ask for the stream, and never read a byte of it."""
    loop = asyncio.get_running_loop()
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    door.setblocking(False)
    await loop.sock_connect(door, ("127.0.0.1", port))
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
    await loop.sock_sendall(door, request.encode())
    return door


async def _ask(cluster: Cluster, taken: list[float]) -> None:
    """Ask what a table asks, again and again, and note how long each answer took."""
    while True:
        began = time.perf_counter()
        async with cluster.session.get("/task?limit=20") as answer:
            await answer.read()
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(ASK_EVERY)


async def _come_and_go(cluster: Cluster, number: int) -> None:
    async with cluster.watch() as seen, asyncio.timeout(SECONDS):
        names = [f"deaf-{number}-{one}" for one in range(TASKS)]
        ids = [await cluster.submit(spec(name, REPLICAS)) for name in names]
        for id in ids:
            await seen.wait(id, "allocation.running", REPLICAS)
        for id in ids:
            await cluster.delete(id)
        for id in ids:
            await seen.wait(id, "allocation.removed", REPLICAS)
