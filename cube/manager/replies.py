"""Answers as they leave: JSON that ends with a newline, errors as problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from cube.core.effects import Answer, Rejected
from cube.errors import CubeError
from cube.wire import problems
from cube.wire.codec import encode_view
from cube.wire.problems import problem_of
from cube.wire.routes import TASKS
from cube.wire.views import Problem

_JSON = {hdrs.CONTENT_TYPE: "application/json"}
_PROBLEM = {hdrs.CONTENT_TYPE: problems.CONTENT_TYPE}


class Reply(msgspec.Struct, frozen=True):
    """An answer that can be kept and given again."""

    status: int
    body: bytes = b""
    location: str = ""

    def response(self) -> web.Response:
        """Return it as aiohttp sends it."""
        headers = _JSON if self.status < 400 else _PROBLEM
        if self.location:
            headers = {**headers, hdrs.LOCATION: self.location}
        return web.Response(
            status=self.status, body=self.body, headers=headers if self.body else None
        )


class HttpRefusal(CubeError):
    """A request that is not let in for a reason that only HTTP knows."""

    code = "bad_request"

    def __init__(self, status: HTTPStatus, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status

    def problem(self) -> Problem:
        """Return the document that tells of it."""
        code = self.status.name.lower()
        return Problem(
            type=f"urn:cube:problem:{code}",
            title=self.status.phrase,
            status=self.status,
            detail=self.message,
            code=code,
            hint=self.hint,
        )


def shown(view: object, status: int = 200, *, location: str = "") -> Reply:
    """Return the reply that shows a view."""
    return Reply(status, encode_view(view) + b"\n", location)


def location_of(task_id: str) -> str:
    """Return where the task can be seen."""
    return f"{TASKS[0]}/{task_id}"


def refused(error: CubeError) -> Reply:
    """Return the reply that tells of an error."""
    problem = error.problem() if isinstance(error, HttpRefusal) else problem_of(error)
    return shown(problem, problem.status)


def error_of(answer: Answer) -> CubeError:
    """Return the error that a wish's answer means when it is not the expected one."""
    if not isinstance(answer, Rejected):
        raise TypeError(f"a wish was answered with {answer!r}")
    error = CubeError(answer.message, hint=answer.hint)
    error.code = answer.code
    return error


def json_response(view: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a view with status 200."""
    return web.Response(body=encode_view(view) + b"\n", headers=_JSON | dict(headers or {}))
