"""`/task` over real HTTP, with a real ledger and the real core."""

from __future__ import annotations

import json

import pytest

from tests.builders import task_id
from tests.manager.conftest import Api

ANCESTORS_TASK = {
    "ID": "266592cd-960d-4091-981c-8c25c44b1018",
    "State": 2,
    "Task": {
        "State": 1,
        "ID": "266592cd-960d-4091-981c-8c25c44b1018",
        "Name": "test-chapter-9-1",
        "Image": "timboring/echo-server:latest",
        "ExposedPorts": {"7777/tcp": {}},
        "PortBindings": {"7777/tcp": "7777"},
        "HealthCheck": "/health",
    },
}


async def test_a_task_is_created_shown_and_stopped(api: Api) -> None:
    status, created, answer = await api.ask("POST", "/task", {"name": "web", "image": "busybox"})
    assert status == 201
    assert answer.headers["Location"] == f"/task/{created['id']}"
    shown = await api.get(answer.headers["Location"])
    assert shown == created | {"events": shown["events"]}

    status, _, _ = await api.ask("DELETE", "/task/web")
    assert status == 204  # it was never placed: nothing of it is left
    status, _, _ = await api.ask("DELETE", f"/task/{created['id']}")
    assert status == 204


@pytest.mark.parametrize("root", ["/task", "/tasks"])
async def test_the_ancestors_curl_calls_work(api: Api, root: str) -> None:
    body = json.dumps(ANCESTORS_TASK)
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what `curl -d` says
    status, created, _ = await api.ask("POST", root, data=body, headers=form)
    assert (status, created["id"]) == (201, ANCESTORS_TASK["ID"])
    assert [task["name"] for task in await api.get(root)] == ["test-chapter-9-1"]
    status, _, _ = await api.ask("DELETE", f"{root}/{created['id']}")
    assert status == 204
    assert await api.get(root.replace("task", "node")) == []


async def test_every_json_body_ends_with_a_newline(api: Api) -> None:
    await api.submit(name="web")
    for path in (
        "/task",
        "/task/web",
        "/node",
        "/event",
        "/stats",
        "/version",
        "/healthz",
        "/nope",
    ):
        async with api.session.get(api.base + path) as answer:
            assert (await answer.read()).endswith(b"}\n") or (await answer.read()).endswith(b"]\n")


async def test_the_same_task_again_is_no_change(api: Api) -> None:
    document = {"id": task_id("web"), "name": "web", "image": "busybox"}
    assert (await api.ask("POST", "/task", document))[0] == 201
    assert (await api.ask("POST", "/task", document))[0] == 200
    status, problem, _ = await api.ask("POST", "/task", document | {"image": "nginx"})
    assert (status, problem["code"]) == (409, "conflict")


async def test_a_taken_name_is_a_conflict(api: Api) -> None:
    await api.submit(name="web")
    status, problem, answer = await api.ask("POST", "/task", {"name": "web", "image": "busybox"})
    assert status == 409
    assert answer.content_type == "application/problem+json"
    assert "web" in problem["detail"] and problem["hint"]


async def test_a_list_creates_each_and_tells_of_each(api: Api) -> None:
    tasks = [
        {"name": "a", "image": "b"},
        {"nme": 1},
        {"name": "a", "image": "b"},
        {"name": "c", "image": "d"},
    ]
    status, results, _ = await api.ask("POST", "/task", tasks)
    assert status == 207
    assert [result["status"] for result in results] == [201, 400, 409, 201]
    assert results[1]["problem"]["errors"][0]["path"] == "nme"
    assert {task["name"] for task in await api.get("/task")} == {"a", "c"}


async def test_a_list_without_a_good_task_is_refused(api: Api) -> None:
    for body in ([], [{"nme": 1}]):
        assert (await api.ask("POST", "/task", body))[0] == 400


async def test_put_creates_and_then_changes(api: Api) -> None:
    document = {"name": "web", "image": "busybox"}
    status, view, _ = await api.ask("PUT", "/task/web", document)
    assert (status, view["revision"]) == (201, 1)
    status, view, _ = await api.ask("PUT", "/task/web", document | {"image": "nginx"})
    assert (status, view["revision"], view["image"]) == (200, 2, "nginx")


async def test_put_at_another_revision_is_a_conflict(api: Api) -> None:
    await api.submit(name="web")
    document = {"name": "web", "image": "nginx"}
    for header, expected in (('"9"', 409), ("x", 400), ('"1"', 200)):
        status, _, _ = await api.ask("PUT", "/task/web", document, headers={"If-Match": header})
        assert status == expected


async def test_put_under_another_name_is_refused(api: Api) -> None:
    status, problem, _ = await api.ask("PUT", "/task/web", {"name": "other", "image": "b"})
    assert (status, problem["errors"][0]["path"]) == (400, "name")


async def test_scaling_changes_the_replicas_only(api: Api) -> None:
    await api.submit(name="web")
    status, view, _ = await api.ask("POST", "/task/web/scale", {"replicas": 3})
    assert (status, view["replicas"], len(view["waiting"])) == (200, 3, 3)


@pytest.mark.parametrize(
    "body",
    [{}, {"replicas": "3"}, {"replicas": True}, {"replicas": -1}, [], {"replicas": 3, "x": 1}],
)
async def test_scaling_to_no_number_is_refused(api: Api, body: object) -> None:
    await api.submit(name="web")
    assert (await api.ask("POST", "/task/web/scale", body))[0] == 400
    assert (await api.get("/task/web"))["replicas"] == 1


async def test_restart_makes_a_new_revision(api: Api) -> None:
    await api.submit(name="web")
    status, view, _ = await api.ask("POST", "/task/web/restart")
    assert (status, view["revision"]) == (200, 2)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/scale"),
        ("POST", "/restart"),
        ("GET", "/logs"),
        ("GET", "/events"),
    ],
)
async def test_an_unknown_task_is_not_found(api: Api, method: str, path: str) -> None:
    body = {"replicas": 1} if path == "/scale" else None
    status, problem, _ = await api.ask(method, f"/task/nobody{path}", body)
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_task_is_found_by_the_beginning_of_its_id(api: Api) -> None:
    ids = ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"]
    for number, id in enumerate(ids):
        await api.submit(id=id, name=f"t{number}")
    assert (await api.get(f"/task/{ids[1]}"))["name"] == "t1"
    status, problem, _ = await api.ask("GET", "/task/aaaa")
    assert (status, problem["code"]) == (400, "ambiguous")
    assert all(id in problem["detail"] for id in ids)


async def test_tasks_come_in_pages_without_gap_or_repeat(api: Api) -> None:
    for number in range(7):
        await api.submit(name=f"t{number}")
    seen: list[str] = []
    cursor = ""
    while True:
        _, page, answer = await api.ask("GET", f"/task?limit=3&cursor={cursor}")
        seen += [task["name"] for task in page]
        cursor = answer.headers.get("X-Next-Cursor", "")
        if not cursor:
            break
    assert sorted(seen) == [f"t{number}" for number in range(7)]


async def test_tasks_can_be_chosen_by_label_state_and_node(api: Api) -> None:
    await api.submit(name="a", labels={"tier": "front"})
    await api.submit(name="b", labels={"tier": "back"}, constraints=["zone==nowhere"])
    async with api.worker() as worker:
        await worker.orders(1)
        for query, names in (
            ("label=tier", {"a", "b"}),
            ("label=tier%3Dfront", {"a"}),
            ("state=pending", {"b"}),
            ("state=scheduled", {"a"}),
            ("node=w1", {"a"}),
            ("node=w1&state=pending", set()),
        ):
            assert {task["name"] for task in await api.get(f"/task?{query}")} == names


@pytest.mark.parametrize(
    "query",
    ["stat=x", "state=x", "limit=-1", "limit=1e3", "cursor=x", "limit=1&limit=2", "node=..%2f"],
)
async def test_a_query_that_means_nothing_is_refused(api: Api, query: str) -> None:
    status, problem, _ = await api.ask("GET", f"/task?{query}")
    assert (status, problem["code"]) == (400, "invalid_input")


async def test_a_task_shows_its_own_events(api: Api) -> None:
    await api.submit(name="web")
    await api.submit(name="other")
    events = (await api.get("/task/web"))["events"]
    assert events == await api.get("/task/web/events")
    assert events[0]["kind"] == "task.created"
    assert {event["task"] for event in events} == {"web"}
    after = events[0]["revision"]
    assert await api.get(f"/task/web/events?after={after}&limit=1") == events[1:2]
