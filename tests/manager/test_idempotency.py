"""One change for one Idempotency-Key, whatever the network does."""

from __future__ import annotations

import asyncio

import pytest

from cube.core.effects import Held
from cube.manager.idempotency import Changes, Key
from cube.manager.replies import Reply
from cube.settings import ManagerSettings
from tests.manager.bench import Bench, a_wish, turns
from tests.manager.conftest import Api, running

WEB = {"name": "web", "image": "busybox"}
KEY = {"Idempotency-Key": "k1"}


async def test_a_hundred_duplicates_at_once_make_one_task(api: Api) -> None:
    answers = await asyncio.gather(
        *(api.ask("POST", "/task", WEB, headers=KEY) for _ in range(100))
    )
    assert {status for status, _, _ in answers} == {201}
    assert len({body["id"] for _, body, _ in answers}) == 1
    assert len({answer.headers["Location"] for _, _, answer in answers}) == 1
    assert len(await api.get("/task")) == 1


async def test_the_answer_is_the_same_after_the_task_has_changed(api: Api) -> None:
    _, first, _ = await api.ask("POST", "/task", WEB, headers=KEY)
    await api.ask("POST", "/task/web/scale", {"replicas": 2})
    status, again, _ = await api.ask("POST", "/task", WEB, headers=KEY)
    assert (status, again) == (201, first)


async def test_the_answer_is_the_same_after_a_restart_of_the_manager(
    settings: ManagerSettings,
) -> None:
    answers = []
    for _ in range(2):
        async with running(settings) as api:
            answers.append((await api.ask("POST", "/task", WEB, headers=KEY))[:2])
    assert answers[0] == answers[1]


async def test_the_key_with_another_request_is_refused(api: Api) -> None:
    await api.ask("POST", "/task", WEB, headers=KEY)
    for method, path, body in (
        ("POST", "/task", WEB | {"name": "other"}),
        ("DELETE", "/task/web", None),
    ):
        status, problem, _ = await api.ask(method, path, body, headers=KEY)
        assert (status, problem["code"]) == (422, "key_reused")
    assert [task["name"] for task in await api.get("/task")] == ["web"]


async def test_a_refusal_is_looked_at_again(api: Api) -> None:
    await api.submit(name="web")
    assert (await api.ask("POST", "/task", WEB, headers=KEY))[0] == 409
    await api.ask("DELETE", "/task/web")
    assert (await api.ask("POST", "/task", WEB, headers=KEY))[0] == 201


async def test_a_list_is_created_once(api: Api) -> None:
    tasks = [WEB, WEB | {"name": "other"}]
    first = await api.ask("POST", "/task", tasks, headers=KEY)
    again = await api.ask("POST", "/task", tasks, headers=KEY)
    assert first[:2] == again[:2]


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "schlüssel"])
async def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    status, _, _ = await api.ask("POST", "/task", WEB, headers={"Idempotency-Key": key})
    assert status == 400
    assert await api.get("/task") == []


async def test_a_duplicate_waits_for_a_first_whose_client_has_left() -> None:
    bench = Bench()
    changes = Changes(bench.decider, bench.ledger)
    key = Key("k1", "f")
    bench.will(1, Held(True))

    def ask() -> asyncio.Task[Reply]:
        return asyncio.create_task(
            changes.make(key, lambda: [a_wish()], lambda answers: Reply(200, b"first"))
        )

    first = ask()
    await turns()
    first.cancel()  # its change is on the way to the disk, and stays
    await turns()
    second = ask()
    await turns()
    for commit in bench.ledger.commits:
        commit.set_result(None)
    assert (await second).body == b"first"
    assert len(bench.ledger.commits) == 1
    bench.running.cancel()
