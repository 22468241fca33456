"""A whole worker between a small engine and a small manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cube.model.timing import DEFAULT_TIMING
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager, small_manager


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
