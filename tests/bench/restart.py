"""The start of a manager on a ledger with many allocations: from its process to being ready."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from cube.core.effects import Writes
from cube.model.allocation import Allocation, Observed, Phase
from cube.model.ids import AllocationId, NodeId, TaskId, allocation_id
from cube.model.node import Facts, Node
from cube.model.resources import Resources
from cube.model.spec import TaskSpec
from cube.model.task import Task
from cube.store.ledger import Ledger
from tests.bench.cluster import Cluster, cpu_seconds, resident_bytes
from tests.bench.figures import percentile, table

REPLICAS = 1_000
NODES = 500
DEMAND = Resources(50, 64 << 20)


async def measure(allocations: int, rounds: int) -> str:
    """Fill a ledger, then start and end a manager on it again and again."""
    data = Path(tempfile.mkdtemp(prefix="cube-bench-"))
    walls, cpus, sizes = [], [], []
    try:
        await _fill(data / "manager", allocations)
        for _ in range(rounds):
            began = time.perf_counter()
            async with Cluster(workers=0, data=data) as cluster:
                walls.append(time.perf_counter() - began)
                cpus.append(cpu_seconds(cluster.manager_pid))
                sizes.append(resident_bytes(cluster.manager_pid) / 2**20)
    finally:
        shutil.rmtree(data)
    row = (f"{allocations:,}", str(rounds), *(f"{percentile(walls, at):.2f}" for at in (0.5, 1.0)))
    row += (f"{percentile(cpus, 0.5):.2f}", f"{percentile(sizes, 0.5):.0f}")
    columns = ("allocations", "n", "ready p50 s", "most s", "processor p50 s", "MiB")
    return table(columns, [row])


async def _fill(directory: Path, allocations: int) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    ledger = await Ledger.open(directory, mint_cluster_id=lambda: "bench", now_ms=1)
    nodes = {one.id: one for one in map(_node, range(NODES))}
    recorded = [ledger.commit(Writes(nodes=dict(nodes)))]
    for number in range(allocations // REPLICAS):
        task = _task(number)
        placed = [_allocation(task, slot, list(nodes)) for slot in range(1, REPLICAS + 1)]
        writes = Writes(tasks={task.id: task}, allocations={one.id: one for one in placed})
        recorded.append(ledger.commit(writes))
    await asyncio.gather(*recorded)
    await ledger.close()


def _node(number: int) -> Node:
    facts = Facts(name=f"n{number}", capacity=Resources(64_000, 256 << 30))
    return Node(id=NodeId(f"{number:08d}-0000-4000-8000-000000000000"), facts=facts)


def _task(number: int) -> Task:
    spec = TaskSpec(
        name=f"t{number}",
        image="busybox",
        replicas=REPLICAS,
        cpu_millis=DEMAND.cpu_millis,
        memory_bytes=DEMAND.memory_bytes,
    )
    return Task(id=TaskId(f"{number:08d}-1111-4000-8000-000000000000"), spec=spec)


def _allocation(task: Task, slot: int, nodes: list[NodeId]) -> Allocation:
    id: AllocationId = allocation_id(task.id, slot, 1)
    return Allocation(
        id=id,
        task_id=task.id,
        slot=slot,
        generation=1,
        node_id=nodes[slot % len(nodes)],
        template_revision=1,
        demand=DEMAND,
        observed=Observed(
            phase=Phase.RUNNING,
            epoch=1,
            sequence=slot,
            at_ms=1_700_000_000_000,
            container_id=f"{hash(id) & (1 << 256) - 1:064x}",
            address="172.17.0.2",
            started_ms=1_700_000_000_000,
        ),
    )
