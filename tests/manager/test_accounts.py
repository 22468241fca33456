"""Accounts at registries: set, listed without passwords, told to the one worker that pulls from there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cube.manager.app import Manager
from cube.model.account import Account, SealedAccount
from cube.model.ids import AllocationId
from cube.model.orders import Run
from cube.security.sealing import KEY_FILE
from cube.settings import ManagerSettings
from cube.wire.account_views import AccountRequest
from cube.wire.messages import AskAccount, TellAccount
from tests.manager.conftest import Api
from tests.manager.fake_worker import FakeWorker

REGISTRY = "registry.example:5000"


async def put(api: Api, registry: str, username: Any = "ci", password: Any = "CANARY") -> int:
    body = {"username": username, "password": password}
    status, _, _ = await api.ask("PUT", f"/registry/{registry}", json=body)
    return status


async def ask(worker: FakeWorker, id: AllocationId, registry: str) -> TellAccount:
    await worker.say(AskAccount(id=id, registry=registry))
    return await worker.expect(TellAccount)


async def test_an_account_is_listed_without_its_password(api: Api) -> None:
    assert await put(api, REGISTRY) == 200
    assert await put(api, REGISTRY, "other") == 200
    assert await put(api, "index.docker.io") == 200

    listed = await api.get("/registry")
    assert [(one["registry"], one["username"]) for one in listed] == [
        ("docker.io", "ci"),
        (REGISTRY, "other"),
    ]
    assert "CANARY" not in str(listed)


@pytest.mark.parametrize(
    "registry", ["library", "a b.example", "registry.example:x", "..b", "a.b:", "a.b%2Fc"]
)
async def test_only_a_host_as_in_images_is_a_registry(api: Api, registry: str) -> None:
    assert await put(api, registry) in (400, 404)
    assert await api.get("/registry") == []


@pytest.mark.parametrize(
    "body",
    [
        {"username": "ci"},
        {"username": "", "password": "CANARY"},
        {"username": "a:b", "password": "CANARY"},
        {"username": "ci", "password": ""},
        {"username": "ci", "password": ["CANARY"]},
        {"username": "ci", "password": "CANARY", "identitytoken": "CANARY"},
        {"username": "ci", "password": "CANARY" * 3000},
        ["CANARY"],
    ],
)
async def test_what_is_wrong_with_an_account_is_said_without_showing_it(
    api: Api, body: object
) -> None:
    status, problem, _ = await api.ask("PUT", f"/registry/{REGISTRY}", json=body)
    assert status == 400
    assert "CANARY" not in str(problem)
    assert await api.get("/registry") == []


async def test_the_audit_tells_who_the_cluster_was_made_to_be_and_by_whom(api: Api) -> None:
    await put(api, REGISTRY)
    assert (await api.ask("DELETE", f"/registry/{REGISTRY}"))[0] == 204
    assert (await api.ask("DELETE", f"/registry/{REGISTRY}"))[0] == 404

    entries = await api.get("/audit")
    assert [(one["action"], one["object"], one["outcome"]) for one in entries] == [
        ("setAccount", f"{REGISTRY} (as ci)", 200),
        ("removeAccount", REGISTRY, 204),
    ]
    assert "CANARY" not in str(entries)


async def test_a_worker_gets_the_account_of_where_its_own_allocations_come_from(api: Api) -> None:
    await put(api, REGISTRY)
    await put(api, "other.example")
    async with api.worker("w1") as worker, api.worker("w2") as stranger:
        await worker.welcome()
        await stranger.welcome()
        await api.ask("POST", "/node/w2/cordon")
        await api.submit(name="web", image=f"{REGISTRY}/team/web:1")
        [order] = await worker.orders(1)
        assert isinstance(order, Run)

        told = await ask(worker, order.id, REGISTRY)
        assert told.account == Account(REGISTRY, "ci", "CANARY")
        for who, id, registry in (
            (worker, order.id, "other.example"),
            (stranger, order.id, REGISTRY),
            (worker, AllocationId(f"{order.task_id}.2.1"), REGISTRY),
        ):
            refused = await ask(who, id, registry)
            assert refused.account is None
            assert refused.why == "no allocation on this worker pulls from there"


async def test_without_an_account_there_is_none_and_no_reason_to_wait(api: Api) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", image="busybox")
        [order] = await worker.orders(1)
        assert isinstance(order, Run)
        told = await ask(worker, order.id, "docker.io")
        assert (told.account, told.why) == (None, "")


async def test_a_key_that_is_gone_is_not_made_anew_over_accounts(
    api: Api, manager: Manager, settings: ManagerSettings
) -> None:
    await put(api, REGISTRY)
    (settings.data / KEY_FILE).unlink()
    assert await put(api, REGISTRY) == 409
    assert (await api.ask("PUT", "/secret/db", data=b"x"))[0] == 409
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", image=f"{REGISTRY}/web")
        [order] = await worker.orders(1)
        assert isinstance(order, Run)
        told = await ask(worker, order.id, REGISTRY)
        assert told.account is None
        assert "is gone" in told.why


async def test_accounts_that_are_set_at_the_same_time_follow_each_other(api: Api) -> None:
    found = await asyncio.gather(*(put(api, REGISTRY, f"u{n}") for n in range(5)))
    assert found == [200] * 5
    assert len(await api.get("/registry")) == 1


def test_no_repr_shows_a_password() -> None:
    for one in (
        Account("r", "ci", "CANARY"),
        AccountRequest(username="ci", password="CANARY"),
        SealedAccount("r", "ci", 1, b"CANARY"),
        TellAccount(id=AllocationId("a"), registry="r", account=Account("r", "ci", "CANARY")),
    ):
        assert "CANARY" not in f"{one!r} {one}"
