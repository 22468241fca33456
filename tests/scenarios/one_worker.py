"""A worker in the test's own process: a manager that does what the test says, and a real engine.

So its times can be shortened, and what it is told comes when the test wants it to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cube.model.container import ContainerSeen, ContainerState
from cube.model.ids import AllocationId, TaskId
from cube.model.orders import Remove, Run
from cube.model.policy import CLOSED, HostPolicy
from cube.model.spec import TaskSpec
from cube.model.timing import DEFAULT_TIMING
from cube.runtime.docker import DockerRuntime
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from cube.worker.identity import Identity
from tests.scenarios.processes import SERVE
from tests.worker.small_manager import SmallManager, small_manager

TASK = TaskId("6e1c5fb0-9b0f-4f6d-9d7a-3a1f6a0c2b11")
QUICK = replace(DEFAULT_TIMING, full_comparison=1.0, temporary_first=0.1)


class OneWorker:
    """The worker's manager, and its containers as the engine shows them to somebody else."""

    def __init__(self, manager: SmallManager, engine: DockerRuntime) -> None:
        self.manager = manager
        self.engine = engine

    async def run(self, slot: int = 1, **spec: Any) -> AllocationId:
        """Order a task to run; it serves until it is stopped unless `spec` says otherwise."""
        served: dict[str, Any] = {"name": "web", "image": "busybox:latest", "command": SERVE}
        wish = TaskSpec(**served | spec)
        id = AllocationId(f"{TASK}.{slot}.1")
        await self.manager.instruct(Run(id=id, task_id=TASK, slot=slot, generation=1, spec=wish))
        return id

    async def remove(self, id: AllocationId) -> None:
        """Order an allocation away."""
        await self.manager.instruct(Remove(id=id, reason="stopped by the user"))

    async def until(self, id: AllocationId, phase: str, seconds: float = 15.0) -> None:
        """Wait until this is the last that was reported of it."""
        await self.manager.until(lambda: self.phases(id)[-1:] == [phase], seconds)

    def phases(self, id: AllocationId) -> list[str]:
        """All that was reported of an allocation."""
        return [seen.phase.name for one, seen in self.manager.reports if one == id]

    async def running(self) -> list[ContainerSeen]:
        """Those of its containers that run now."""
        found = await self.engine.containers()
        return [seen for seen in found if seen.state is ContainerState.RUNNING]


@asynccontextmanager
async def one_worker(
    home: Path, engine_url: str = "", policy: HostPolicy = CLOSED
) -> AsyncIterator[OneWorker]:
    """Run a worker that reaches its engine by this address; everything it made is gone afterwards."""
    identity = Identity(home)
    async with small_manager() as manager:
        settings = WorkerSettings(manager_port=manager.port, port=0, data=home, timing=QUICK)
        runtime = DockerRuntime(identity.node_id, engine_url, policy=policy)
        engine = DockerRuntime(identity.node_id)
        worker = Worker(settings, runtime, identity=identity)
        try:
            await worker.start()
            await manager.until(lambda: bool(manager.hellos))
            yield OneWorker(manager, engine)
        finally:
            await worker.stop()
            for seen in await engine.containers():
                await engine.remove(seen.id)
            await engine.close()
