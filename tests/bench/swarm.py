"""One task, and a hundred replicas, against Docker Swarm on the same engine.

Makes the engine a swarm of one for the time of the run, and refuses where it already belongs to a swarm.
"""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Self

from tests.bench.cluster import Cluster, spec
from tests.bench.engine import COMMAND, IMAGE, STOP_SIGNAL, Engine
from tests.bench.figures import percentile, table

SERVICE = "com.docker.swarm.service.name"
LOOK_EVERY = 0.02  # how often the engine is asked; the same for both, so that neither gains


async def docker(*words: str) -> str:
    """Run the docker command and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "docker", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(300):
        out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"docker {' '.join(words)}: {err.decode()}")
    return out.decode().strip()


class SwarmOfOne:
    """The engine as a swarm of its own while the block lasts."""

    async def __aenter__(self) -> Self:
        if json.loads(await docker("info", "-f", "{{json .Swarm.LocalNodeState}}")) != "inactive":
            raise RuntimeError("this engine already belongs to a swarm; measure on another one")
        await docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await docker("swarm", "leave", "--force")


async def until_count(engine: Engine, label: str, count: int, *, running: bool) -> None:
    """Return once the engine shows exactly that many containers with the label."""
    async with asyncio.timeout(300):
        while len(await engine.labelled(label, running=running)) != count:
            await asyncio.sleep(LOOK_EVERY)


async def swarm_round(engine: Engine, name: str, count: int) -> tuple[float, float]:
    """Return the seconds to running and to gone of one service."""
    began = time.perf_counter()
    await docker(
        *("service", "create", "--detach", "--quiet", "--name", name, "--replicas", str(count)),
        *("--stop-signal", STOP_SIGNAL, "--no-resolve-image", IMAGE, *COMMAND),
    )
    await until_count(engine, f"{SERVICE}={name}", count, running=True)
    running = time.perf_counter()
    await docker("service", "rm", name)
    await until_count(engine, f"{SERVICE}={name}", 0, running=False)
    return running - began, time.perf_counter() - running


async def cube_round(cluster: Cluster, name: str, count: int) -> tuple[float, float]:
    """Return the seconds to running and to gone of one task."""
    async with cluster.watch() as seen:
        began = time.perf_counter()
        task_id = await cluster.submit(spec(name, count))
        await seen.wait(task_id, "allocation.running", count)
        running = time.perf_counter()
        await cluster.delete(task_id)
        await seen.wait(task_id, "allocation.removed", count)
        return running - began, time.perf_counter() - running


async def measure(rounds: int, count: int) -> str:
    """Take turns between Swarm and cube, with one replica and with `count`."""
    samples: dict[tuple[int, str], list[tuple[float, float]]] = {}
    async with SwarmOfOne(), Engine() as engine, Cluster() as cluster:
        for number in range(rounds):
            for replicas in (1, count):
                name = f"bench-swarm-{replicas}-{number}"
                by_swarm = await swarm_round(engine, name, replicas)
                by_cube = await cube_round(cluster, name, replicas)
                samples.setdefault((replicas, "swarm"), []).append(by_swarm)
                samples.setdefault((replicas, "cube"), []).append(by_cube)
    rows = []
    for (replicas, who), taken in samples.items():
        up, down = (percentile([one[place] for one in taken], 0.5) for place in (0, 1))
        swarm = samples[replicas, "swarm"]
        swarm_up, swarm_down = (percentile([one[place] for one in swarm], 0.5) for place in (0, 1))
        rows.append(
            (
                *(str(replicas), who, str(len(taken))),
                *(f"{up:.2f}", f"{up / swarm_up:.2f}", f"{down:.2f}", f"{down / swarm_down:.2f}"),
            )
        )
    columns = ("replicas", "who", "rounds", "running s", "ratio", "removed s", "ratio")
    return table(columns, rows)
