"""All workers come back at once after a restart of the manager."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from cube.model.node import Condition
from cube.settings import ManagerSettings
from tests.manager.conftest import Api, running
from tests.manager.fake_worker import FakeWorker

pytestmark = pytest.mark.slow

WORKERS = 300
BACK_SECONDS = 10.0


async def dial(api: Api, stack: AsyncExitStack, number: int) -> FakeWorker:
    worker = await stack.enter_async_context(api.worker(f"w{number}"))
    await worker.welcome()
    return worker


async def test_three_hundred_workers_come_back_at_once(settings: ManagerSettings) -> None:
    for _ in range(2):  # the second time the manager knows them, and all of them are late
        async with running(settings) as api, AsyncExitStack() as stack:
            began = time.monotonic()
            await asyncio.gather(*(dial(api, stack, number) for number in range(WORKERS)))
            assert time.monotonic() - began < BACK_SECONDS
            nodes = await api.get("/node")
            assert len(nodes) == WORKERS
            assert {node["condition"] for node in nodes} == {Condition.READY.value}
            assert all(node["connected"] for node in nodes)
            lost = [e for e in await api.get("/event?limit=1000") if e["kind"] == "node.lost"]
            assert lost == []
