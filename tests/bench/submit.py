"""`POST /task` per second, one task per request, each durable before its answer; the manager on one core."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import time

from tests.bench.cluster import Cluster, spec
from tests.bench.figures import percentile, table

CONNECTIONS = 32
BULK = 1_000
BULK_REQUESTS = 10
MANAGER_CORE = 0
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def measure(seconds: float) -> str:
    """Post from `CONNECTIONS` connections, each waiting for its answer, to a manager without workers.

    The generator's own use of its core is printed too: near 100 % it was the limit, not the manager.
    """
    pinned = ("taskset", "-c", str(MANAGER_CORE)) if shutil.which("taskset") else ()
    _leave_core_to_manager()
    latencies: list[float] = []
    numbers = itertools.count()
    async with Cluster(workers=0, prefix=pinned) as cluster:
        manager_before, own_before, began = (
            cluster.manager_cpu(),
            time.process_time(),
            time.perf_counter(),
        )
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(
                    _post_until(began + seconds, cluster.port, numbers, latencies),
                    name=f"connection {number}",
                )
        took = time.perf_counter() - began
        manager_share = (cluster.manager_cpu() - manager_before) / took
        own_share = (time.process_time() - own_before) / took
        in_bulk = await _bulk_rate(cluster.port, numbers)
    row = (
        str(CONNECTIONS),
        str(len(latencies)),
        f"{len(latencies) / took:.0f}",
        f"{percentile(latencies, 0.5) * 1000:.1f}",
        f"{percentile(latencies, 0.99) * 1000:.1f}",
        f"{manager_share:.0%}",
        f"{own_share:.0%}",
    )
    columns = (
        "connections",
        "tasks",
        "per second",
        "p50 ms",
        "p99 ms",
        "manager core",
        "generator core",
    )
    note = "" if pinned else "\n\nThere is no taskset here: the manager had all cores."
    bulk = f"\n\nIn bulk, {BULK} tasks a request, one request at a time: {in_bulk:.0f} tasks per second."
    return table(columns, [row]) + bulk + note


def _leave_core_to_manager() -> None:
    others = os.sched_getaffinity(0) - {MANAGER_CORE}
    if others:
        os.sched_setaffinity(0, others)


async def _post_until(
    end: float, port: int, numbers: itertools.count[int], latencies: list[float]
) -> None:
    # By hand on a socket: a full HTTP client takes more processor than the manager that it measures.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (sent := time.perf_counter()) < end:
        await _post(reader, writer, port, spec(f"bench-submit-{next(numbers)}"))
        latencies.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()


async def _bulk_rate(port: int, numbers: itertools.count[int]) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024)
    began = time.perf_counter()
    for _ in range(BULK_REQUESTS):
        tasks = [spec(f"bench-submit-{next(numbers)}") for _ in range(BULK)]
        await _post(reader, writer, port, tasks)
    took = time.perf_counter() - began
    writer.close()
    await writer.wait_closed()
    return BULK * BULK_REQUESTS / took


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, document: object
) -> None:
    """Post and read the whole answer. RuntimeError when it is not that everything was created."""
    body = json.dumps(document).encode()
    writer.write(
        b"POST /task HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (port, len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    answer = await reader.readexactly(int(length.group(1)) if length else 0)
    if not head.startswith((b"HTTP/1.1 201", b"HTTP/1.1 207")) or b'"status":4' in answer:
        raise RuntimeError(f"POST /task: {head!r} {answer[:500]!r}")
