"""Secrets in the manager: set, listed without values, told to the one worker that is to have them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from cube.manager.app import Manager
from cube.model.ids import AllocationId
from cube.model.orders import Run
from cube.security.sealing import KEY_FILE
from cube.settings import ManagerSettings
from cube.wire.messages import AskSecret, TellSecret
from tests.manager.conftest import Api
from tests.manager.fake_worker import FakeWorker


async def put(api: Api, name: str, value: bytes) -> int:
    status, _, _ = await api.ask("PUT", f"/secret/{name}", data=value)
    return status


async def an_order(worker: FakeWorker) -> Run:
    """Return the first order to run something."""
    [order] = await worker.orders(1)
    assert isinstance(order, Run)
    return order


async def ask(worker: FakeWorker, id: AllocationId, name: str) -> TellSecret:
    await worker.say(AskSecret(id=id, name=name))
    return await worker.expect(TellSecret)


async def test_a_secret_is_listed_by_name_and_never_shown(api: Api) -> None:
    assert await put(api, "db", b"CANARY") == 200
    assert await put(api, "db", b"CANARY-2") == 200
    await api.submit(name="web", secrets=["db"])

    listed = await api.get("/secret")
    assert [(one["name"], one["version"], one["used_by"]) for one in listed] == [("db", 2, ["web"])]
    assert "CANARY" not in str(listed)
    for method in ("GET", "POST"):
        status, _, _ = await api.ask(method, "/secret/db")
        assert status == 405


@pytest.mark.parametrize("name", ["Db", "..db", "a" * 64, "db%2Fx"])
async def test_only_a_name_names_a_secret(api: Api, name: str) -> None:
    assert await put(api, name, b"x") in (400, 404)
    assert await api.get("/secret") == []


async def test_a_secret_has_a_size(api: Api) -> None:
    assert await put(api, "db", b"") == 400
    assert await put(api, "db", b"x" * (500 * 1024)) == 200
    assert await put(api, "db", b"x" * (500 * 1024 + 1)) == 413


async def test_versions_that_are_set_at_the_same_time_stand_one_after_the_other(api: Api) -> None:
    assert await asyncio.gather(*(put(api, "db", b"x") for _ in range(5))) == [200] * 5
    assert [one["version"] for one in await api.get("/secret")] == [5]
    assert (await api.ask("GET", "/readyz"))[0] == 200


async def test_the_audit_tells_who_set_and_removed_a_secret_and_not_what_it_is(api: Api) -> None:
    await put(api, "db", b"CANARY")
    await put(api, "db", b"CANARY-2")
    assert (await api.ask("DELETE", "/secret/db"))[0] == 204
    assert (await api.ask("DELETE", "/secret/db"))[0] == 404

    entries = await api.get("/audit")
    assert [(one["action"], one["object"], one["outcome"]) for one in entries] == [
        ("setSecret", "db (version 1)", 200),
        ("setSecret", "db (version 2)", 200),
        ("removeSecret", "db", 204),
    ]
    assert {one["principal"] for one in entries} == {f"unix:{os.geteuid()}"}
    assert "CANARY" not in str(entries)


async def test_a_secret_that_a_task_names_is_not_forgotten(api: Api) -> None:
    await put(api, "db", b"x")
    await api.submit(name="web", secrets=["db"])
    status, problem, _ = await api.ask("DELETE", "/secret/db")
    assert (status, problem["detail"]) == (409, "secret db is named by web")

    await api.ask("DELETE", "/task/web")
    assert (await api.ask("DELETE", "/secret/db"))[0] == 204
    assert (await api.ask("DELETE", "/secret/db"))[0] == 404


async def test_a_worker_gets_the_secrets_of_its_own_allocations_only(api: Api) -> None:
    await put(api, "db", b"one")
    await put(api, "other", b"two")
    async with api.worker("w1") as worker, api.worker("w2") as stranger:
        await worker.welcome()
        await stranger.welcome()
        await api.ask("POST", "/node/w2/cordon")
        await api.submit(name="web", secrets=["db"])
        order = await an_order(worker)

        told = await ask(worker, order.id, "db")
        assert told.secret is not None
        assert (told.secret.version, told.secret.value) == (1, b"one")
        for who, id, name in (
            (worker, order.id, "other"),
            (stranger, order.id, "db"),
            (worker, AllocationId(f"{order.task_id}.2.1"), "db"),
        ):
            refused = await ask(who, id, name)
            assert (refused.secret, refused.why) == (None, "no allocation on this worker has it")


async def test_an_allocation_keeps_the_version_that_it_began_with(api: Api) -> None:
    await put(api, "db", b"one")
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", secrets=["db"])
        order = await an_order(worker)
        await put(api, "db", b"two")
        await put(api, "db", b"three")

        told = await ask(worker, order.id, "db")
        assert told.secret is not None
        assert told.secret.value == b"one"


async def test_a_key_that_is_gone_is_told_and_nothing_is_overwritten(
    api: Api, manager: Manager, settings: ManagerSettings
) -> None:
    await put(api, "db", b"one")
    key = settings.data / KEY_FILE
    kept = key.rename(Path(settings.data) / "aside")
    assert await put(api, "db", b"two") == 409
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", secrets=["db"])
        order = await an_order(worker)
        told = await ask(worker, order.id, "db")
        assert told.secret is None
        assert "is gone" in told.why

        kept.rename(key)
        told = await ask(worker, order.id, "db")
        assert told.secret is not None
