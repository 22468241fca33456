"""`/backup` and `/recovery`: the care of the ledger, by HTTP."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from cube.manager import offline
from cube.manager.app import Manager
from cube.model.allocation import ASSIGNED
from cube.model.ids import AllocationId
from cube.model.orders import Describe, Description, Holding
from cube.settings import ManagerSettings
from cube.store.backup import verify
from cube.wire.messages import Described
from tests.builders import a_spec, task_id
from tests.manager.conftest import Api, running, until

LOST = AllocationId(f"{task_id('web')}.1.1")


async def test_a_backup_is_made_by_request(api: Api, manager: Manager) -> None:
    await api.submit(name="web")
    status, made, _ = await api.ask("POST", "/backup")

    assert status == 201
    assert verify(Path(made["path"])).revision == made["revision"]
    assert made["revision"] == (await api.get("/event"))[-1]["revision"]
    assert made in await api.get("/backup")


async def a_ledger_put_back(settings: ManagerSettings) -> int:
    """Run a manager, take a backup, go on and put it back; return the newest revision that is lost."""
    async with running(settings) as api:
        async with api.worker("w1") as worker:
            await worker.welcome()
        _, made, _ = await api.ask("POST", "/backup")
        await api.submit(name="web")
        newest = int((await api.get("/event"))[-1]["revision"])
    offline.restore(settings.data, Path(made["path"]))
    return newest


async def test_while_it_recovers_it_says_what_it_waits_for(settings: ManagerSettings) -> None:
    await a_ledger_put_back(settings)
    async with running(settings) as api:
        for method, path, body in (
            ("GET", "/readyz", None),
            ("POST", "/task", {"name": "more", "image": "busybox"}),
        ):
            status, problem, _ = await api.ask(method, path, json=body)
            assert (status, problem["code"]) == (503, "recovering")
            assert "1 node did not call yet: w1" in problem["detail"]
        assert await api.get("/healthz") == {"status": "ok"}
        assert await api.get("/task") == []


async def test_an_administrator_ends_a_recovery(settings: ManagerSettings) -> None:
    await a_ledger_put_back(settings)
    async with running(settings) as api:
        for _ in range(2):
            status, _, _ = await api.ask("POST", "/recovery/end")
            assert status == 204
        assert await api.get("/readyz") == {"status": "ready"}
        await api.submit(name="more")


async def test_what_a_worker_describes_is_on_record_and_kept(settings: ManagerSettings) -> None:
    newest = await a_ledger_put_back(settings)
    holding = (Holding(id=LOST, revision=newest),)
    async with running(settings) as api, api.worker("w1", holding=holding) as worker:
        welcome = await worker.welcome()
        assert welcome.revision > newest
        assert await worker.orders(1) == [Describe(id=LOST)]
        seen = replace(ASSIGNED, sequence=1)
        told = Description(id=LOST, revision=newest, spec=a_spec(), observed=seen)
        await worker.say(Described(allocations=(told,)))

        async def adopted() -> bool:
            return [task["name"] for task in await api.get("/task")] == ["web"]

        await until(adopted)
    async with running(settings) as api:
        [task] = await api.get("/task")
        assert task["id"] == task_id("web")
        kinds = [event["kind"] for event in await api.get("/event")]
    assert "task.adopted" in kinds
    assert "allocation.adopted" in kinds
