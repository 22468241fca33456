"""Simulated workers in one process: each a node of its own to a real manager, their containers as scripted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cube.cli.assembly import fleet_of
from cube.manager.app import Manager
from cube.runtime.simulated_script import Chances
from cube.settings import ManagerSettings, WorkerSettings
from cube.worker.fleet import Fleet

SETTINGS = WorkerSettings(name="sim", cpu_millis=4_000, memory_bytes=8 << 30)


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    thresholds = gc.get_threshold()  # which a fleet changes for the whole process
    one = Manager(ManagerSettings(port=0, data=tmp_path))
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
        gc.set_threshold(*thresholds)


def fleet(manager: Manager, count: int, chances: Chances) -> Fleet:
    settings = WorkerSettings(
        manager_port=manager.port,
        name=SETTINGS.name,
        cpu_millis=SETTINGS.cpu_millis,
        memory_bytes=SETTINGS.memory_bytes,
    )
    return fleet_of(settings, count, chances)


async def until(manager: Manager, path: str, **wanted: object) -> dict[str, object]:
    """Return the answer as soon as it has these values."""
    url = f"http://127.0.0.1:{manager.port}{path}"
    async with asyncio.timeout(10), aiohttp.ClientSession() as client:
        while True:
            async with client.get(url) as answer:
                found: dict[str, object] = await answer.json()
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.01)


async def submit(manager: Manager, **task: object) -> None:
    url = f"http://127.0.0.1:{manager.port}/task"
    async with aiohttp.ClientSession() as client, client.post(url, json=task) as answer:
        answer.raise_for_status()


async def test_each_worker_is_a_node_and_runs_its_share(manager: Manager) -> None:
    workers = fleet(manager, 5, Chances(start_least=0.01, start_most=0.02))
    await workers.start()
    await until(manager, "/stats", nodes_ready=5, sessions=5)
    await submit(manager, name="web", image="busybox", replicas=20)
    await until(manager, "/stats", replicas_running=20, replicas_waiting=0)
    for number in range(1, 6):
        node = await until(manager, f"/node/sim-{number}", allocations=4)
        assert (node["runtime"], node["engine_version"]) == ("simulated", "simulated")
    await workers.stop()
    await until(manager, "/stats", sessions=0)


async def test_the_same_names_are_the_same_nodes_again(manager: Manager) -> None:
    for _ in range(2):
        workers = fleet(manager, 2, Chances())
        await workers.start()
        await until(manager, "/stats", nodes=2, sessions=2)
        await workers.stop()
        await until(manager, "/stats", sessions=0)


async def test_runs_fail_as_scripted_and_are_started_again(manager: Manager) -> None:
    workers = fleet(manager, 1, Chances(fail_share=1.0, fail_after=0.0))
    await workers.start()
    await submit(manager, name="web", image="busybox", max_restarts=1)
    await until(manager, "/task/web", state="failed", restarts=1)
    await workers.stop()


async def test_a_fleet_without_a_manager_stops_at_once(manager: Manager) -> None:
    await manager.stop()
    workers = fleet(manager, 100, Chances())
    await workers.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await workers.stop()
