"""The engine does what it is asked, and its answer or its events get lost on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cube.model.allocation import Exit, Phase
from tests.runtime.worlds import docker
from tests.scenarios.one_worker import OneWorker, one_worker
from tests.scenarios.proxy import Loss, Proxy, engine_behind_proxy

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with engine_behind_proxy(tmp_path / "engine.sock") as one:
        yield one


@pytest.fixture
async def worker(tmp_path: Path, proxy: Proxy) -> AsyncIterator[OneWorker]:
    (tmp_path / "worker").mkdir()
    async with one_worker(tmp_path / "worker", f"unix://{tmp_path}/engine.sock") as one:
        yield one


@pytest.mark.parametrize("loss", [Loss.CLOSED, Loss.SILENT], ids=["closed", "silent"])
@pytest.mark.parametrize(
    "request_line", ["POST .*/containers/create", "POST .*/start", "DELETE .*/containers/"]
)
async def test_what_was_done_without_an_answer_is_found_and_not_done_twice(
    worker: OneWorker,
    proxy: Proxy,
    request_line: str,
    loss: Loss,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("docker", "ending"):
        monkeypatch.setattr(f"cube.runtime.{module}.STEP_SECONDS", 1.5)
    proxy.lose(request_line, loss)
    id = await worker.run()
    await worker.until(id, "RUNNING")
    (seen,) = await worker.engine.containers()
    assert seen.label.restart == 0

    await worker.remove(id)
    await worker.until(id, "REMOVED")
    assert await worker.engine.containers() == []
    assert len(proxy.lost) == 1


async def test_exits_are_found_without_events(tmp_path: Path, proxy: Proxy) -> None:
    proxy.lose("GET .*/events", Loss.HEAD_ONLY, times=1000)
    (tmp_path / "worker").mkdir()
    async with one_worker(tmp_path / "worker", f"unix://{tmp_path}/engine.sock") as worker:
        id = await worker.run(restart="never")
        other = await worker.run(slot=2)
        await worker.until(id, "RUNNING")
        await worker.until(other, "RUNNING")
        by_id = {seen.label.allocation_id: seen for seen in await worker.engine.containers()}
        await docker("kill", "--signal", "TERM", by_id[id].id)
        await docker("rm", "-f", by_id[other].id)

        await worker.until(id, "COMPLETED")
        exit = {
            one: seen.exit for one, seen in worker.manager.reports if seen.phase is Phase.COMPLETED
        }
        assert exit == {id: Exit(0)}
        await worker.until(other, "RUNNING")
        assert "EXITED" in worker.phases(other)
        assert len(await worker.running()) == 1
        assert proxy.lost
