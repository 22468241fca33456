"""Logs on their way to the manager."""

from __future__ import annotations

from cube.model.ids import AllocationId
from cube.model.orders import Remove
from cube.worker.app import Worker
from tests.worker.orders import ID, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager


async def test_the_logs_of_all_runs_come_in_order(
    worker: Worker, manager: SmallManager, engine: SmallEngine
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
    worker: Worker, manager: SmallManager, engine: SmallEngine
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
    worker: Worker, manager: SmallManager, engine: SmallEngine
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


async def test_what_is_not_here_is_refused(worker: Worker, manager: SmallManager) -> None:
    await manager.until(lambda: bool(manager.leases))
    await manager.open_stream(AllocationId("x.1.1"))
    await manager.until(lambda: bool(manager.refusals))
    assert manager.refusals[0].reason == "nothing of it is on w1"
