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
    return table(columns, [row]) + note


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
        body = json.dumps(spec(f"bench-submit-{next(numbers)}")).encode()
        writer.write(
            b"POST /task HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (port, len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        answer = await reader.readexactly(int(length.group(1)) if length else 0)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"POST /task: {head!r} {answer!r}")
        latencies.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()
