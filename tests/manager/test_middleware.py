"""What every request passes: checks before a handler, a number to find it by, errors told as problems after it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from aiohttp import web

from cube.errors import NotFound
from cube.manager.middleware import REQUEST_ID, guard, unreadable
from cube.security.hosts import HostGuard
from tests.manager.requests import a_request

SECRET = "the password is 1234"


async def good(request: web.Request) -> web.StreamResponse:
    return web.Response(text="good")


async def passed(request: web.Request, handler: Any = good, middleware: Any = None) -> web.Response:
    """What the request is answered."""
    response = await (middleware or guard(HostGuard()))(request, handler)
    assert isinstance(response, web.Response)
    return response


def failing(error: BaseException) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise error

    return handler


def problem_in(response: web.Response) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    problem: dict[str, Any] = json.loads(response.body)
    assert problem["status"] == response.status
    return problem


async def test_a_good_request_gets_its_answer_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    response = await passed(a_request())
    assert (response.status, response.text) == (200, "good")
    assert caplog.records == []


async def test_a_request_is_logged_only_for_those_who_look_closely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await passed(a_request("/task/we%0Ab", headers={REQUEST_ID: "mine"}))
    assert [record.getMessage() for record in caplog.records] == [r"GET '/task/we\nb' 200 [mine]"]


async def test_each_request_has_a_number_of_its_own() -> None:
    middleware = guard(HostGuard())
    numbers = [(await passed(a_request(), good, middleware)).headers[REQUEST_ID] for _ in range(3)]
    assert len(set(numbers)) == 3


@pytest.mark.parametrize(
    ("given", "kept"), [("mine-1", True), ("", False), ("a b", False), ("x" * 65, False)]
)
async def test_the_callers_number_is_kept_when_it_is_fit_for_a_log(given: str, kept: bool) -> None:
    response = await passed(a_request(headers={REQUEST_ID: given}))
    assert (response.headers[REQUEST_ID] == given) is kept


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.com:5555"}, 421),
        ({"Host": "localhost"}, 421),
        ({"Origin": "http://evil.com"}, 403),
        ({"Origin": "http://localhost:5555"}, 200),
    ],
    ids=str,
)
async def test_a_request_for_another_server_or_from_a_strange_page_is_refused(
    headers: dict[str, str], status: int
) -> None:
    assert (await passed(a_request(headers=headers))).status == status


async def test_a_url_in_the_request_line_is_refused() -> None:
    response = await passed(a_request("http://localhost:5555/task"))
    assert "not a URL" in problem_in(response)["detail"]


async def test_an_error_is_told_as_its_problem() -> None:
    response = await passed(a_request(), failing(NotFound("there is no task x")))
    assert (response.status, problem_in(response)["detail"]) == (404, "there is no task x")


async def test_a_fault_of_ours_is_told_by_its_number_and_logged_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = await passed(a_request(headers={REQUEST_ID: "mine"}), failing(ValueError(SECRET)))
    assert response.status == 500
    assert problem_in(response)["detail"].endswith("its log has it as mine")
    assert SECRET not in str(response.body)
    assert "a request failed [mine]" in caplog.text and SECRET in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (web.HTTPNotFound(), 404, "there is nothing at '/task'"),
        (web.HTTPMethodNotAllowed("GET", ["PUT"]), 405, "GET is not possible at '/task'"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "Request Entity Too Large"),
    ],
    ids=str,
)
async def test_what_aiohttp_refuses_is_told_as_a_problem(
    error: web.HTTPException, status: int, detail: str
) -> None:
    response = await passed(a_request(), failing(error))
    assert (response.status, problem_in(response)["detail"]) == (status, detail)
    assert response.headers.get("Allow") == ("PUT" if status == 405 else None)


async def test_a_long_path_is_not_told_back_whole() -> None:
    response = await passed(a_request("/" + "x" * 5_000), failing(web.HTTPNotFound()))
    assert len(problem_in(response)["detail"]) < 200


@pytest.mark.parametrize(
    ("error", "answered", "logged"),
    [
        (ValueError(SECRET), 10, True),
        (TimeoutError(), 10, False),
        (ConnectionResetError(), 10, False),
        (ConnectionResetError(), 0, False),
    ],
    ids=str,
)
async def test_an_answer_that_broke_off_ends_its_connection(
    error: Exception, answered: int, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    request = a_request(answered=answered)
    with pytest.raises(ConnectionResetError, match="broke off") as caught:
        await passed(request, failing(error))
    assert caught.value.__cause__ is error
    assert request.transport is not None
    request.transport.abort.assert_called_once()  # type: ignore[attr-defined]
    assert ("an answer broke off" in caplog.text) is logged


async def test_the_end_of_the_manager_is_not_taken_for_an_error() -> None:
    with pytest.raises(KeyboardInterrupt):
        await passed(a_request(), failing(KeyboardInterrupt()))


def test_what_is_no_request_gets_a_problem_too() -> None:
    reply = unreadable("this is no HTTP request")
    assert (reply.status, json.loads(reply.body)["code"]) == (400, "bad_request")
