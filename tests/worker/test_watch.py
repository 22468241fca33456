"""What becomes of an engine that is away."""

from __future__ import annotations

from cube.settings import WorkerSettings
from cube.worker.app import Worker
from tests.worker.orders import run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager


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
