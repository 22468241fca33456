"""Answers as they leave: what they hold, and what they say they are."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from cube.core.effects import Accepted, Rejected
from cube.errors import InvalidInput, NotFound, Objection
from cube.manager.replies import (
    HttpRefusal,
    Reply,
    error_of,
    json_response,
    location_of,
    refused,
    shown,
)
from cube.model.resources import Resources
from tests.builders import a_task


def test_a_view_is_json_that_ends_with_a_newline() -> None:
    reply = shown(Resources(1, 2, 3), 201, location="/task/x")
    assert reply.body == b'{"cpu_millis":1,"memory_bytes":2,"disk_bytes":3}\n'
    response = reply.response()
    assert (response.status, response.content_type) == (201, "application/json")
    assert response.headers["Location"] == "/task/x"


def test_a_view_alone_is_sent_the_same_way() -> None:
    response = json_response(Resources(1, 2, 3))
    assert (response.status, response.content_type) == (200, "application/json")
    assert response.body == shown(Resources(1, 2, 3)).body


def test_an_answer_without_a_body_says_nothing_of_one() -> None:
    response = Reply(204).response()
    assert (response.status, response.body) == (204, b"")
    assert response.headers.get("Location") is None


def test_the_same_reply_can_be_given_again() -> None:
    reply = shown(Resources())
    assert reply.response() is not reply.response()
    assert reply.response().body == reply.response().body


def test_an_error_is_a_problem_document() -> None:
    reply = refused(InvalidInput((Objection("name", "is missing"),), hint="give one"))
    response = reply.response()
    assert (response.status, response.content_type) == (400, "application/problem+json")
    problem = json.loads(reply.body)
    assert (problem["status"], problem["code"], problem["hint"]) == (
        400,
        "invalid_input",
        "give one",
    )
    assert problem["errors"] == [{"path": "name", "message": "is missing"}]


def test_a_refusal_of_http_has_the_words_of_http() -> None:
    reply = refused(HttpRefusal(HTTPStatus.REQUEST_TIMEOUT, "too slow", hint="hurry"))
    assert reply.status == 408
    assert json.loads(reply.body) == {
        "type": "urn:cube:problem:request_timeout",
        "title": "Request Timeout",
        "status": 408,
        "detail": "too slow",
        "code": "request_timeout",
        "hint": "hurry",
    }


def test_a_rejected_wish_is_an_error_of_its_code() -> None:
    error = error_of(Rejected(NotFound.code, "there is no task x", "see: cube status"))
    assert (error.code, str(error), error.hint) == (
        "not_found",
        "there is no task x",
        "see: cube status",
    )
    assert refused(error).status == 404


def test_an_answer_that_no_wish_gets_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError):
        error_of(Accepted(a_task(), created=True, changed=True))


def test_a_task_is_seen_under_its_id() -> None:
    assert location_of("x") == "/task/x"
