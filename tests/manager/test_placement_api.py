"""`GET /task/{ref}/explain` and `?dry_run=1` over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.manager import ManagerCore
from cube.model.node import Facts
from cube.model.resources import Resources
from tests.builders import CAPACITY, GIB
from tests.manager.conftest import Api
from tests.manager.fake_worker import FakeWorker

PATH = "/task/web?dry_run=1"


def a_worker(api: Api, name: str, memory_bytes: int) -> FakeWorker:
    capacity = Resources(4_000, memory_bytes, 0)
    return api.worker(name, facts=Facts(name=name, capacity=capacity))


async def planned(api: Api, **spec: Any) -> Any:
    """The plan for `web`."""
    status, body, _ = await api.ask("PUT", PATH, {"name": "web", "image": "busybox"} | spec)
    assert status == 200, body
    return body


async def test_a_task_without_room_is_told_node_by_node(api: Api) -> None:
    async with a_worker(api, "w1", GIB) as w1, a_worker(api, "w2", 2 * GIB) as w2:
        await w1.welcome()
        await w2.welcome()
        await api.submit(name="web", memory="3g")
        told = await api.get("/task/web/explain")

    assert (
        told["answer"] == "web.1 waits: no node fits: 2 lack memory (nearest w2, 1 GiB short; w1)"
    )
    assert (told["waits"], told["state"], told["strategy"]) == (True, "pending", "fit")
    [slot] = told["slots"]
    assert (slot["name"], slot["code"], slot["node"]) == ("web.1", "unplaceable", None)
    [picture] = told["pictures"]
    assert (picture["nearest"], picture["chosen"], picture["slots"]) == ("w2", None, [1])
    nearest = picture["nodes"][0]
    assert nearest["code"] == "resources"
    assert nearest["reason"] == "1 GiB memory short"
    assert nearest["short"]["memory_bytes"] == GIB
    assert [one["code"] for one in picture["remedies"]] == ["ask_less"]


async def test_a_placed_slot_says_why_it_is_there_as_recorded(api: Api) -> None:
    async with a_worker(api, "w1", GIB) as w1:
        await w1.welcome()
        await api.submit(name="web", memory="512m", strategy="spread")
        async with a_worker(api, "w2", 8 * GIB) as w2:
            await w2.welcome()
            told = await api.get("/task/web/explain?slot=1")

    [slot] = told["slots"]
    assert (slot["node"], slot["chosen_then"], slot["place_now"]) == ("w1", "the only node", 2)
    [picture] = told["pictures"]
    assert [(one["node"], one["place"]) for one in picture["nodes"]] == [("w2", 1), ("w1", 2)]
    assert picture["nodes"][0]["scores"]["allocations"] == 0


async def test_a_score_that_is_not_known_is_null(api: Api) -> None:
    async with api.worker("w1", facts=Facts(name="w1")) as w1:
        await w1.welcome()
        await api.submit(name="web", strategy="spread")
        told = await api.get("/task/web/explain")

    assert told["pictures"][0]["nodes"][0]["scores"]["fullest share"] is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/task/nope/explain", 404, "not_found"),
        ("/task/web/explain?slot=9", 404, "not_found"),
        ("/task/web/explain?slot=x", 400, "invalid_input"),
        ("/task/web/explain?slots=1", 400, "invalid_input"),
    ],
)
async def test_what_is_not_there_is_said_so(api: Api, path: str, status: int, code: str) -> None:
    await api.submit(name="web")
    answered, problem, _ = await api.ask("GET", path)
    assert (answered, problem["code"]) == (status, code)


async def test_a_plan_shows_fields_and_slots_and_changes_nothing(api: Api) -> None:
    async with api.worker("w1", facts=Facts(name="w1", capacity=CAPACITY)) as w1:
        await w1.welcome()
        await api.submit(name="web", memory="1g")
        before = [await api.get(path) for path in ("/task", "/event", "/node")]
        made = await planned(api, memory="2g", replicas=2)
        after = [await api.get(path) for path in ("/task", "/event", "/node")]
        again = await planned(api, memory="1g")

    assert [node.pop("heard_ms_ago") is None for [node] in (before[2], after[2])] == [False] * 2
    assert after == before
    assert made["fields"] == [
        {"path": "replicas", "before": 1, "after": 2},
        {"path": "memory_bytes", "before": GIB, "after": 2 * GIB},
    ]
    assert (made["revision"], made["new"], made["changed"], made["fits"]) == (1, False, True, True)
    assert [(one["name"], one["action"], one["before"], one["after"]) for one in made["slots"]] == [
        ("web.1", "replace", "w1", "w1"),
        ("web.2", "create", None, "w1"),
    ]
    assert (again["changed"], again["fields"]) == (False, [])


async def test_a_task_can_be_planned_where_it_would_be_created(api: Api) -> None:
    task = {"name": "web", "image": "busybox"}
    status, made, _ = await api.ask("POST", "/task?dry_run=true", task)
    assert (status, made["new"], made["fits"]) == (200, True, False)
    assert made["slots"][0]["reason"].startswith("no workers have joined")
    assert await api.get("/task") == []


async def test_a_plan_is_refused_as_the_change_would_be(api: Api) -> None:
    await api.submit(name="web")
    task = {"name": "web", "image": "busybox"}
    status, problem, _ = await api.ask("PUT", PATH, task | {"strategy": "nope", "memory": "-1"})
    assert (status, len(problem["errors"])) == (400, 1)
    status, problem, _ = await api.ask("POST", "/task?dry_run=1", task)
    assert (status, problem["code"]) == (409, "conflict")
    status, problem, _ = await api.ask("PUT", PATH, task, headers={"If-Match": "7"})
    assert (status, problem["code"]) == (409, "conflict")


async def test_while_the_ledger_is_recovered_nothing_is_planned_and_waiting_is_explained(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.submit(name="web")
    monkeypatch.setattr(ManagerCore, "recovering", property(lambda _: "w1 did not call yet"))
    status, problem, _ = await api.ask("PUT", PATH, {"name": "web", "image": "busybox:2"})
    assert (status, problem["code"]) == (503, "recovering")
    told = await api.get("/task/web/explain")
    assert told["answer"] == "web.1 waits: the ledger is being recovered: w1 did not call yet"
    assert (told["waits"], told["slots"][0]["code"]) == (False, "recovering")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/task?dry_run=1", [{"name": "b", "image": "busybox"}]),
        ("POST", "/task?dryrun=1", {"name": "b", "image": "busybox"}),
        ("PUT", "/task/web?dry_run=maybe", {"name": "web", "image": "busybox:2"}),
        ("POST", "/task/web/scale?dry_run=1", {"replicas": 5}),
        ("DELETE", "/task/web?dry_run=1", None),
    ],
)
async def test_who_asks_for_a_dry_run_never_gets_the_change_itself(
    api: Api, method: str, path: str, body: Any
) -> None:
    await api.submit(name="web")
    status, problem, _ = await api.ask(method, path, body)

    assert (status, problem["code"]) == (400, "invalid_input")
    [task] = await api.get("/task")
    assert (task["name"], task["revision"], task["goal"]) == ("web", 1, "run")
