"""Stories of a whole worker between a small engine and a small manager."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from cube.aio.clock import SystemClock
from cube.model.allocation import Health, Phase
from cube.model.container import Fence
from cube.model.ids import AllocationId
from cube.model.orders import Holding, Remove
from cube.model.spec import HealthCheck, OnDisconnect, ProbeKind, PullPolicy
from cube.model.timing import DEFAULT_TIMING
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from tests.worker.orders import ID, SPEC, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager

BOUND = replace(SPEC, on_disconnect=OnDisconnect.STOP)


async def test_an_order_becomes_a_running_container(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    await manager.until(lambda: bool(manager.hellos))
    await manager.instruct(run())
    await manager.until(lambda: manager.phases == ["RUNNING"])
    assert manager.newest.epoch == 1
    assert engine.running == [manager.newest.container_id]
    assert engine.seen["c1"].label.cluster_id == "cluster"


async def test_an_exit_is_followed_by_another_run(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    engine.exits("c1", 1)
    await manager.until(lambda: manager.phases == ["RUNNING", "EXITED", "RUNNING"])
    assert manager.newest.restart == 1


async def test_a_removal_is_reported_and_forgotten_when_acknowledged(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    manager.first_orders = ()
    await manager.instruct(Remove(id=ID, reason="stopped"))
    await manager.until(lambda: manager.newest.phase is Phase.REMOVED)
    assert engine.seen == {}
    await manager.hang_up()
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.hellos[-1].holding == ()


async def test_a_pull_is_given_up_when_the_allocation_is_removed(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    engine.pull_forever = True
    manager.first_orders = (run(spec=replace(SPEC, pull=PullPolicy.ALWAYS)),)
    await manager.until(lambda: manager.phases == ["PULLING"])
    await manager.instruct(Remove(id=ID, reason="stopped"))
    await manager.until(lambda: manager.newest.phase is Phase.REMOVED)
    assert engine.seen == {}


async def test_a_restarted_worker_takes_up_what_runs(
    settings: WorkerSettings, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    first = Worker(settings, engine)
    await first.start()
    await manager.until(lambda: manager.phases == ["RUNNING"])
    await first.stop()
    assert engine.running == ["c1"]
    second = Worker(settings, engine)
    await second.start()
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.hellos[1].holding == (Holding(id=ID),)
    assert manager.hellos[1].node_id == manager.hellos[0].node_id
    await manager.until(lambda: len(manager.reports) == 2)
    await second.stop()
    assert engine.calls.count("create t.1.1") == 1


async def test_health_is_asked_over_http(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    check = HealthCheck(kind=ProbeKind.HTTP, path="/healthz", port=worker.port)
    manager.first_orders = (run(spec=replace(SPEC, health=check)),)
    await manager.until(lambda: bool(manager.reports))
    await manager.until(lambda: manager.newest.health is Health.HEALTHY)


async def test_a_hundred_starts_are_a_few_at_a_time(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    ids = [AllocationId(f"t.{slot}.1") for slot in range(100)]
    manager.first_orders = tuple(run(id) for id in ids)
    await manager.until(lambda: len(manager.reports) == 100)
    assert len(engine.running) == 100
    assert engine.most_starting <= 4
    starts = [index for index, call in enumerate(engine.calls) if call.startswith("start")]
    assert starts[0] < 20


async def test_a_bound_container_is_fenced_before_it_is_started_and_as_long_as_its_lease(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(spec=BOUND),)
    await manager.until(lambda: manager.phases == ["RUNNING"])

    assert engine.calls.index("fence c1") < engine.calls.index("start c1")
    assert engine.fenced is not None
    first = engine.fenced.kill_at
    await manager.until(lambda: engine.fenced is not None and engine.fenced.kill_at > first)


async def test_a_worker_counts_the_lease_that_the_process_before_had_fenced(
    settings: WorkerSettings, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(spec=BOUND),)
    former = Worker(settings, engine)
    await former.start()
    await manager.until(lambda: manager.phases == ["RUNNING"])
    await former.stop()
    began = SystemClock().now().monotonic
    engine.fenced = Fence(("c1",), began + 0.2)

    latter = Worker(replace(settings, manager_port=1), engine)  # nobody is there
    await latter.start()
    async with asyncio.timeout(5):
        while engine.running:
            await asyncio.sleep(0.01)
    await latter.stop()

    assert SystemClock().now().monotonic < began + DEFAULT_TIMING.lost_after / 2
