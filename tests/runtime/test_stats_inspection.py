"""What the engine counts of a container, and what it says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cube.runtime.contract import RuntimeFailure
from cube.runtime.engine import Engine
from cube.runtime.inspection import inspect_engine
from cube.runtime.stats import EngineStats, read_consumption
from tests.runtime.fake_engine import FakeEngine

MIB = 1 << 20
V1 = {
    "read": "2026-01-31T12:00:01.5Z",
    "cpu_stats": {"cpu_usage": {"total_usage": 59_594_041}, "system_cpu_usage": 48},
    "memory_stats": {
        "usage": 10 * MIB,
        "limit": 1024 * MIB,
        "stats": {"total_inactive_file": 4 * MIB, "hierarchical_memory_limit": 9223372036854771712},
    },
}
V2 = {
    **V1,
    "memory_stats": {"usage": 10 * MIB, "limit": 64 * MIB, "stats": {"inactive_file": 3 * MIB}},
}
STOPPED = {"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {}}, "memory_stats": {}}


@pytest.mark.parametrize(
    ("told", "memory", "limit"), [(V1, 6 * MIB, 1024 * MIB), (V2, 7 * MIB, 64 * MIB)]
)
def test_the_file_cache_is_no_use_and_no_limit_is_none(
    told: dict[str, Any], memory: int, limit: int
) -> None:
    found = msgspec.convert(told, EngineStats).consumption()

    assert found is not None
    assert (found.cpu_ns, found.memory_bytes, found.memory_limit_bytes) == (
        59_594_041, memory, limit
    )  # fmt: skip
    assert found.at_ns % 1_000_000_000 == 500_000_000


def test_what_does_not_run_uses_nothing() -> None:
    assert msgspec.convert(STOPPED, EngineStats).consumption() is None


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    one = FakeEngine(tmp_path / "engine.sock")
    await one.open()
    yield one
    await one.close()


async def test_it_is_asked_once_and_at_once(engine: FakeEngine) -> None:
    engine.answer("GET", "containers/c1/stats", V1)
    client = Engine(engine.url)
    try:
        assert await read_consumption(client, "c1") is not None
        engine.refuse("GET", "containers/c1/stats", 404, "no such container")
        assert await read_consumption(client, "c1") is None
        engine.refuse("GET", "containers/c1/stats", 500, "oops")
        with pytest.raises(RuntimeFailure):
            await read_consumption(client, "c1")
    finally:
        await client.close()
    asked = next(one for one in engine.asked if one.path.endswith("stats"))
    assert dict(asked.query) == {"stream": "false", "one-shot": "true"}


async def test_an_engine_says_how_it_stores_and_limits(engine: FakeEngine) -> None:
    engine.answer(
        "GET", "info", {"ServerVersion": "27.1", "Driver": "overlay2", "CgroupVersion": "2"}
    )

    url, report = await inspect_engine(engine.url)

    assert (url, report.server_version, report.driver, report.cgroup_version) == (
        engine.url, "27.1", "overlay2", "2"
    )  # fmt: skip


async def test_an_engine_that_is_away_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure):
        await inspect_engine(f"unix://{tmp_path}/none.sock")
