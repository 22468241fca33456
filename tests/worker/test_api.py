"""The worker's own HTTP API."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from cube.errors import CubeError
from cube.settings import WorkerSettings
from cube.worker.app import Worker
from tests.worker.orders import ID, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager


async def test_it_shows_its_allocations_and_the_machine(
    worker: Worker, manager: SmallManager
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


async def test_orders_are_for_the_manager(worker: Worker, manager: SmallManager) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.port}") as http:
        answer = await http.post("/task", json={})
        assert answer.status == 405
        problem = await answer.json(content_type="application/problem+json")
        assert f"127.0.0.1:{manager.port}" in problem["detail"]


async def test_what_it_does_not_serve_is_told_with_the_place_where_it_is(
    worker: Worker, manager: SmallManager
) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.port}") as http:
        answer = await http.get("/node")
        problem = await answer.json(content_type="application/problem+json")
        assert answer.status == 404
        assert problem["hint"] == f"ask the manager: curl http://127.0.0.1:{manager.port}/node"
        answer = await http.options("/task")
        assert (answer.status, answer.headers["Allow"]) == (204, "GET,HEAD")
        assert (await http.head("/task")).status == 200


async def test_a_taken_port_is_refused_with_the_way_out(
    worker: Worker, settings: WorkerSettings, tmp_path: Path
) -> None:
    second = Worker(replace(settings, port=worker.port, data=tmp_path / "other"), SmallEngine())
    with pytest.raises(CubeError, match=f"cannot listen on 127.0.0.1:{worker.port}") as caught:
        await second.start()
    assert "--port" in caught.value.hint
    await second.stop()


async def test_it_says_what_is_wrong(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    await manager.until(lambda: bool(manager.leases))
    engine.away = "no engine"
    await manager.until(lambda: manager.leases[-1].runtime_error == "no engine")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.port}") as http:
        answer = await http.get("/healthz")
        assert (answer.status, await answer.text()) == (503, "engine: no engine\n")
