"""The routes are those of the table of operations, and each answers what the table says of its method and type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web

from cube.manager import app as module
from cube.manager.listener import Listener
from cube.model.role import Role
from cube.settings import ManagerSettings
from cube.wire.operation import Operation
from cube.wire.operations import MANAGER, WORKER, aliased
from cube.worker.api import LocalApi
from tests.manager.conftest import Api, running

Served = set[tuple[str, str]]


def served(routes: Iterable[tuple[str, str]]) -> Served:
    """Method and path of each route, by the names of the table."""
    return {(method, aliased(path)) for method, path in routes}


def expected(table: Iterable[Operation]) -> Served:
    """What is to be served: every entry, and HEAD beside each GET that does not stream."""
    heads = {("HEAD", one.path) for one in table if one.method == "GET" and not one.streams}
    return {(one.method, one.path) for one in table} | heads


async def test_the_manager_serves_what_the_table_says(
    settings: ManagerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps: list[web.Application] = []

    class Telling(Listener):
        def __init__(self, app: web.Application, **options: Any) -> None:
            apps.append(app)
            super().__init__(app, **options)

    monkeypatch.setattr(module, "Listener", Telling)
    async with running(settings):
        found = [
            (route.method, route.resource.canonical)
            for route in apps[0].router.routes()
            if route.resource is not None
        ]
    assert served(found) == expected(MANAGER)
    paths = {path for _, path in found}
    assert {path for path in paths if path != aliased(path)} == {
        "/tasks" + path.removeprefix("/task") for path in paths if path.split("/")[1] == "task"
    } | {"/nodes" + path.removeprefix("/node") for path in paths if path.split("/")[1] == "node"}


def test_a_worker_serves_what_the_table_says() -> None:
    nothing: Any = None
    api = LocalApi(
        core=nothing, node_id="", node="", data=nothing, manager="", trouble=str, metrics=bytes
    )
    found = served((route.method, route.path) for route in api.routes())
    assert found == {(one.method, one.path) for one in WORKER}


def described() -> list[Operation]:
    """The operations that anybody can try by hand."""
    return [one for one in MANAGER if one.role is not Role.WORKER]


@pytest.mark.parametrize("operation", described(), ids=lambda one: str(one.id))
async def test_who_accepts_none_of_its_types_is_told_which_there_are(
    api: Api, operation: Operation
) -> None:
    path = operation.path.replace("{ref}", "web").replace("{name}", "app.js")
    headers = {"Accept": "application/xml"}
    status, problem, _ = await api.ask(operation.method, path, headers=headers)
    assert (status, problem["code"]) == (406, "not_acceptable")


async def test_what_can_be_done_at_a_path_is_told_when_asked_and_when_refused(api: Api) -> None:
    status, _, answer = await api.ask("OPTIONS", "/task/web")
    assert status == 204
    allowed = set(answer.headers["Allow"].split(","))
    assert allowed == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
    status, problem, answer = await api.ask("PATCH", "/task/web")
    assert (status, problem["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(",")) == allowed - {"OPTIONS"}


async def test_a_head_is_the_head_of_the_get(api: Api) -> None:
    await api.submit(name="web")
    async with api.session.head(api.base + "/task") as head:
        body = await (await api.session.get(api.base + "/task")).read()
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("application/x-www-form-urlencoded", 201),
        ("application/json; charset=utf-8", 201),
        ("application/octet-stream", 201),
        ("text/plain", 201),
        ("application/yaml", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_a_body_is_read_as_json_unless_it_says_to_be_something_that_is_not_read(
    api: Api, content: str, status: int
) -> None:
    body = b'{"name": "web", "image": "busybox"}'
    headers = {"Content-Type": content}
    given, _, _ = await api.ask("POST", "/task", data=body, headers=headers)
    assert given == status


async def test_a_problem_carries_the_number_of_its_request(api: Api) -> None:
    status, problem, answer = await api.ask("GET", "/task/nope", headers={"X-Request-ID": "mine"})
    assert (status, problem["request_id"], answer.headers["X-Request-ID"]) == (404, "mine", "mine")
