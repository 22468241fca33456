"""A stop comes at any moment of a start: it ends stopped, soon, and nothing starts afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from cube.model.ids import AllocationId
from cube.model.orders import Remove, Run
from cube.model.spec import PullPolicy, TaskSpec
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_container import Behaviour, SimulatedContainer
from cube.runtime.simulated_engine import SimulatedEngine
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from cube.worker.identity import Identity
from tests.runtime.fake_registry import FakeRegistry, Layer, fake_registry
from tests.runtime.worlds import docker
from tests.scenarios.one_worker import TASK, OneWorker, one_worker
from tests.worker.small_manager import small_manager

pytestmark = [pytest.mark.slow]


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[OneWorker]:
    async with one_worker(tmp_path) as one:
        yield one


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as one:
        yield one


@pytest.mark.docker
@pytest.mark.parametrize("layer", [Layer.SLOW, Layer.STALLS], ids=["slow", "stalled"])
async def test_a_stop_during_a_pull_ends_it(
    worker: OneWorker, registry: FakeRegistry, layer: Layer
) -> None:
    registry.layer, registry.piece_seconds = layer, 2.0
    id = await worker.run(image=registry.image, command=("/content",))
    async with asyncio.timeout(10):
        while not any("/blobs/" in one for one in registry.asked):
            await asyncio.sleep(0.02)
    began = time.monotonic()
    await worker.remove(id)
    await worker.until(id, "REMOVED")
    assert time.monotonic() - began < 2
    assert await worker.engine.containers() == []
    assert not (await docker("images", "-q", registry.image)).strip()


@pytest.mark.docker
async def test_stops_at_all_moments_of_real_starts(worker: OneWorker) -> None:
    ids = []
    for slot in range(1, 13):
        ids.append(await worker.run(slot=slot, stop_grace_ms=1_000))

    async def stop(id: AllocationId, seconds: float) -> None:
        while time.monotonic() < began + seconds:
            await asyncio.sleep(0.005)
        await worker.remove(id)

    began = time.monotonic()
    await asyncio.gather(*(stop(id, 0.15 * number) for number, id in enumerate(ids)))
    for id in ids:
        await worker.until(id, "REMOVED")
    assert await worker.engine.containers() == []


class Watched(SimulatedEngine):
    """An engine that notes what is started although its removal was ordered and reported."""

    def __init__(self, pulls: Behaviour, starts: Behaviour) -> None:
        super().__init__({"pulls:1": pulls, "starts:1": starts})
        self.removed: set[AllocationId] = set()
        self.started_late: list[AllocationId] = []
        self.started = 0

    def start(self, container: SimulatedContainer) -> None:
        """Start it, and note it if it should not be."""
        self.started += 1
        id = container.label.allocation_id
        if id in self.removed:
            self.started_late.append(id)
        super().start(container)


@pytest.mark.parametrize("seed", range(5))
async def test_fifty_stops_at_random_moments(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    engine = Watched(
        pulls=Behaviour(present=False, pull_seconds=0.2, create_seconds=0.01, start_seconds=0.01),
        starts=Behaviour(create_seconds=0.02, start_seconds=0.02, stop_seconds=0.02),
    )
    identity = Identity(tmp_path)
    async with small_manager() as manager:
        settings = WorkerSettings(manager_port=manager.port, port=0, data=tmp_path)
        worker = Worker(settings, SimulatedRuntime(identity.node_id, engine), identity=identity)
        await worker.start()
        await manager.until(lambda: bool(manager.hellos))

        async def live_and_die(slot: int) -> None:
            id = AllocationId(f"{TASK}.{slot}.1")
            image = random.choice(["pulls:1", "starts:1"])
            policy = random.choice([PullPolicy.MISSING, PullPolicy.ALWAYS])
            spec = TaskSpec(name="web", image=image, pull=policy)
            end = asyncio.get_running_loop().time() + random.uniform(0.0, 0.5)
            await manager.instruct(Run(id=id, task_id=TASK, slot=slot, generation=1, spec=spec))
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.005)
            await manager.instruct(Remove(id=id, reason="stopped"))

            def gone() -> bool:
                return any(
                    one == id and seen.phase.name == "REMOVED" for one, seen in manager.reports
                )

            await manager.until(gone, 10)
            engine.removed.add(id)

        try:
            await asyncio.gather(*(live_and_die(slot) for slot in range(1, 51)))
            last = {id: seen.phase.name for id, seen in manager.reports}
            assert set(last.values()) == {"REMOVED"}
            assert len(last) == 50
            assert engine.containers == {}
            assert engine.started_late == []
            assert engine.started > 5
        finally:
            await worker.stop()
            await engine.close()
