"""Stories of a whole worker between a small engine and a small manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from cube.model.allocation import Health, Phase
from cube.model.ids import AllocationId, TaskId
from cube.model.orders import Holding, Remove, Run
from cube.model.spec import HealthCheck, ProbeKind, PullPolicy, TaskSpec
from cube.model.timing import DEFAULT_TIMING
from cube.settings import WorkerSettings
from cube.wire.messages import Refuse
from cube.worker.app import Worker
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager, small_manager

ID = AllocationId("t.1.1")
SPEC = TaskSpec(name="web", image="nginx")


def run(id: AllocationId = ID, spec: TaskSpec = SPEC) -> Run:
    return Run(id=id, task_id=TaskId("t"), slot=1, generation=1, spec=spec)


@pytest.fixture
async def manager() -> AsyncIterator[SmallManager]:
    async with small_manager() as manager:
        yield manager


@pytest.fixture
def engine() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
def settings(manager: SmallManager, tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(
        manager_port=manager.port,
        port=0,
        data=tmp_path,
        name="w1",
        timing=replace(DEFAULT_TIMING, full_comparison=0.2),
    )


@pytest.fixture
async def worker(settings: WorkerSettings, engine: SmallEngine) -> AsyncIterator[Worker]:
    worker = Worker(settings, engine)
    await worker.start()
    yield worker
    await worker.stop()


async def test_it_says_who_it_is(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: len(manager.hellos) == 1)
    (hello,) = manager.hellos
    assert hello.facts.name == "w1"
    assert hello.facts.address == "127.0.0.1"
    assert hello.facts.capacity.cpu_millis == 4000
    assert hello.runtime_error == ""
    await manager.until(lambda: any(lease.usage is not None for lease in manager.leases))


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


async def test_a_new_session_is_told_what_the_old_one_did_not_acknowledge(
    worker: Worker, manager: SmallManager
) -> None:
    manager.acknowledges = False
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    await manager.hang_up()
    await manager.until(lambda: manager.phases == ["RUNNING", "RUNNING"])
    assert manager.newest.epoch == 2
    assert manager.hellos[-1].holding == (Holding(id=ID),)
    assert manager.hellos[-1].cluster_id == "cluster"


async def test_a_gap_in_the_orders_ends_the_session(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.hellos))
    await manager.instruct(run(), skip=1)
    await manager.until(lambda: len(manager.hellos) == 2)
    assert manager.reports == []


async def test_a_manager_that_confirms_no_lease_is_dialled_again(
    worker: Worker, manager: SmallManager
) -> None:
    manager.confirms = False
    await manager.until(lambda: len(manager.hellos) == 2)


async def test_a_refused_worker_lives_on(worker: Worker, manager: SmallManager) -> None:
    manager.refuse = Refuse(reason="not now")
    await manager.until(lambda: bool(manager.hellos))
    if worker.connected:
        await manager.hang_up()
    await manager.until(lambda: len(manager.hellos) >= 3)
    assert not worker.connected
    manager.refuse = None
    await manager.until(lambda: worker.connected and bool(manager.leases))


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


async def test_an_engine_that_is_away_is_told_and_a_new_hello_follows_its_return(
    settings: WorkerSettings, manager: SmallManager, engine: SmallEngine
) -> None:
    engine.away = "no engine at the socket"
    manager.first_orders = (run(),)
    worker = Worker(settings, engine)
    await worker.start()
    await manager.until(lambda: bool(manager.hellos))
    assert manager.hellos[0].runtime_error == "no engine at the socket"
    await manager.until(lambda: any(lease.runtime_error for lease in manager.leases))
    assert manager.reports == []
    engine.away = ""
    await manager.until(lambda: manager.phases[-1:] == ["RUNNING"])
    assert manager.hellos[-1].runtime_error == ""
    await worker.stop()


async def test_an_engine_that_goes_away_is_told_with_the_next_lease(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    await manager.until(lambda: bool(manager.leases))
    engine.away = "it hangs"
    await manager.until(lambda: manager.leases[-1].runtime_error == "it hangs")
    engine.away = ""
    await manager.until(lambda: manager.leases[-1].runtime_error == "")
    assert len(manager.hellos) == 1


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


class TestStreams:
    async def test_the_logs_of_all_runs_come_in_order(
        self, worker: Worker, manager: SmallManager, engine: SmallEngine
    ) -> None:
        manager.first_orders = (run(),)
        await manager.until(lambda: manager.phases == ["RUNNING"])
        engine.exits("c1", 1)
        await manager.until(lambda: manager.phases[2:] == ["RUNNING"])
        await manager.open_stream(ID)
        await manager.until(lambda: manager.streams_ended == 1)
        assert [(r.name, r.node, r.restart, r.text) for r in manager.records] == [
            ("web.1", "w1", 0, "hello from c1"),
            ("web.1", "w1", 1, f"hello from {manager.newest.container_id}"),
        ]

    async def test_the_tail_is_that_of_all_runs_together(
        self, worker: Worker, manager: SmallManager, engine: SmallEngine
    ) -> None:
        manager.first_orders = (run(),)
        await manager.until(lambda: manager.phases == ["RUNNING"])
        engine.lines["c1"] = ["one", "two", "three"]
        engine.exits("c1", 1)
        await manager.until(lambda: manager.phases[2:] == ["RUNNING"])
        await manager.open_stream(ID, tail=2)
        await manager.until(lambda: manager.streams_ended == 1)
        assert [r.text for r in manager.records] == [
            "three",
            f"hello from {manager.newest.container_id}",
        ]

    async def test_following_goes_on_with_the_next_run_and_ends_with_the_allocation(
        self, worker: Worker, manager: SmallManager, engine: SmallEngine
    ) -> None:
        manager.first_orders = (run(),)
        await manager.until(lambda: manager.phases == ["RUNNING"])
        await manager.open_stream(ID, follow=True)
        await manager.until(lambda: len(manager.records) == 1)
        engine.exits("c1", 1)
        await manager.until(lambda: len(manager.records) == 2)
        assert manager.streams_ended == 0
        await manager.instruct(Remove(id=ID, reason="stopped"))
        await manager.until(lambda: manager.streams_ended == 1)

    async def test_what_is_not_here_is_refused(self, worker: Worker, manager: SmallManager) -> None:
        await manager.until(lambda: bool(manager.leases))
        await manager.open_stream(AllocationId("x.1.1"))
        await manager.until(lambda: bool(manager.refusals))
        assert manager.refusals[0].reason == "nothing of it is on w1"


class TestLocalApi:
    async def test_it_shows_its_allocations_and_the_machine(
        self, worker: Worker, manager: SmallManager
    ) -> None:
        manager.first_orders = (run(),)
        await manager.until(lambda: manager.phases == ["RUNNING"])
        async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.port}") as http:
            tasks = await (await http.get("/task")).json()
            assert [(task["name"], task["phase"], task["ready"]) for task in tasks] == [
                ("web.1", "running", True)
            ]
            assert (await (await http.get(f"/task/{ID}")).json())["id"] == ID
            assert (await http.get("/task/nope")).status == 404
            stats = await (await http.get("/stats")).json()
            assert stats["TaskCount"] == 1
            assert stats["MemStats"]["mem_total"] > 0
            assert (await http.get("/healthz")).status == 200

    async def test_orders_are_for_the_manager(self, worker: Worker, manager: SmallManager) -> None:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.port}") as http:
            answer = await http.post("/task", json={})
            assert answer.status == 405
            problem = await answer.json(content_type="application/problem+json")
            assert f"127.0.0.1:{manager.port}" in problem["detail"]
