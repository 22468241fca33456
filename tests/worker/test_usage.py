"""What containers use, read when the manager asks."""

from __future__ import annotations

import pytest

from cube.model.usage import AllocationUsage, Consumption
from cube.worker import usage as usage_module
from cube.worker.app import Worker
from tests.worker.orders import ID, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager

SECOND = 1_000_000_000


def reading(cpu_ns: int, at_ns: int) -> Consumption:
    return Consumption(cpu_ns=cpu_ns, at_ns=at_ns, memory_bytes=4096, memory_limit_bytes=8192)


def used(cpu_millis: int) -> tuple[AllocationUsage, ...]:
    one = AllocationUsage(id=ID, cpu_millis=cpu_millis, memory_bytes=4096, memory_limit_bytes=8192)
    return (one,)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The readings of a test have their times in them."""
    monkeypatch.setattr(usage_module, "FIRST_LOOK_SECONDS", 0.0)


async def test_the_first_look_takes_two_readings_and_the_next_one(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    assert "consumption" not in engine.calls, "nobody looks"
    engine.consumptions = [
        reading(0, 0),
        reading(SECOND // 2, SECOND),
        reading(SECOND, 3 * SECOND),
    ]

    await manager.sample(1)
    await manager.until(lambda: [one.allocations for one in manager.sampled] == [used(500)])
    await manager.sample(2)
    await manager.until(lambda: len(manager.sampled) == 2)

    assert (manager.sampled[1].number, manager.sampled[1].allocations) == (2, used(250))
    assert engine.calls.count("consumption") == 3


async def test_a_reading_from_long_ago_makes_no_rate(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    engine.consumptions = [reading(0, 0), reading(0, SECOND)]
    await manager.sample(1)
    await manager.until(lambda: len(manager.sampled) == 1)

    engine.consumptions = [reading(9 * SECOND, 60 * SECOND), reading(10 * SECOND, 61 * SECOND)]
    await manager.sample(2)
    await manager.until(lambda: len(manager.sampled) == 2)

    assert manager.sampled[1].allocations == used(1000)


async def test_what_the_engine_does_not_tell_is_left_out(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    engine.away = "no engine"

    await manager.sample(1)
    await manager.until(lambda: len(manager.sampled) == 1)

    assert manager.sampled[0].allocations == ()
