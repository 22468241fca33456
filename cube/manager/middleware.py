"""What every request passes: who it says it is for, a number to find it by, and errors told as problems.

Nothing here allocates or logs on the way of a good request beyond what it must: this is the hot path.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from aiohttp import ClientError, HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler, Middleware
from msgspec.structs import replace

from cube.errors import CubeError, TooOften, Unauthenticated
from cube.log import about
from cube.manager.negotiation import Offers
from cube.manager.replies import HttpRefusal, Reply, refused
from cube.security.hosts import HostGuard
from cube.wire import problems
from cube.wire.codec import decode_view, encode_view
from cube.wire.views import Problem

log = logging.getLogger(__name__)


REQUEST_ID = "X-Request-ID"
FETCH_SITE = "Sec-Fetch-Site"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PATH_SHOWN = 100

Answered = Callable[[web.Request, int, float | None], None]
"""Who is told of each answer: its status, and the seconds it took; None when it was sent as it came."""


def guard(
    hosts: HostGuard,
    offers: Offers | None = None,
    answered: Answered | None = None,
) -> Middleware:
    """Return the one middleware of the API. `offers`: what its operations can answer with."""
    knows = lru_cache(maxsize=64)(hosts.knows)
    prefix, numbers = secrets.token_hex(4), itertools.count(1)

    @web.middleware
    async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID)
        if given is None or not _GIVEN_ID.fullmatch(given):
            given = f"{prefix}-{next(numbers)}"
        began = asyncio.get_running_loop().time()
        with about(request_id=given):
            try:
                _check(request, hosts, knows)
                if offers is not None:
                    offers.check(request)
                response = await handler(request)
            except Exception as error:
                response = _tell(error, request, given)
        streamed = response.prepared
        if not streamed:
            response.headers[REQUEST_ID] = given
            if hdrs.UPGRADE in request.headers:
                response.force_close()  # what follows was meant for another protocol
            if response.status >= HTTPStatus.BAD_REQUEST:
                _number(response, given)
        if answered is not None:
            seconds = None if streamed else asyncio.get_running_loop().time() - began
            answered(request, response.status, seconds)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %r %d [%s]", request.method, request.path, response.status, given)
        return response

    return pass_through


def _check(request: web.Request, hosts: HostGuard, knows: Callable[[str], bool]) -> None:
    if request.version < HttpVersion11:
        # Not 505: that is for another major version, and counts as a fault of the manager that strangers can cause.
        raise HttpRefusal(HTTPStatus.UPGRADE_REQUIRED, "HTTP/1.1 is spoken here")
    if not request.raw_path.startswith("/"):
        # aiohttp would take the host from there and leave the Host header unread.
        raise HttpRefusal(HTTPStatus.BAD_REQUEST, "the request line must hold a path, not a URL")
    host = request.headers.get(hdrs.HOST, "")
    if not knows(host):
        raise HttpRefusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "the Host header names another server",
            hint="speak to this manager as localhost:PORT, or by an address of its --host and --advertise",
        )
    origin, site = request.headers.get(hdrs.ORIGIN), request.headers.get(FETCH_SITE)
    if not hosts.admits(host, origin, site):
        raise HttpRefusal(HTTPStatus.FORBIDDEN, "requests from pages of other sites are refused")


def _tell(error: Exception, request: web.Request, request_id: str) -> web.StreamResponse:
    """Return the problem for whatever a handler raised. Raises when the answer has begun already."""
    if request.writer.output_size > 0 or isinstance(error, (ConnectionError, ClientError)):
        # Nothing can be told any more; a broken connection is no news, anything else is.
        if not isinstance(error, (ConnectionError, ClientError, TimeoutError)):
            log.error("an answer broke off [%s]", request_id, exc_info=error)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer broke off") from error
    if isinstance(error, web.HTTPException):
        return _tell_http(error, request)
    if not isinstance(error, CubeError):
        log.error("a request failed [%s]", request_id, exc_info=error)
        error = CubeError(f"the manager failed at this request; its log has it as {request_id}")
    return _told(error)


def _told(error: CubeError) -> web.Response:
    """Return the problem, with the headers that its status asks for (RFC 9110, 10.2.3 and 11.6.1)."""
    response = refused(error).response()
    if isinstance(error, Unauthenticated):
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="cube"'
    if isinstance(error, TooOften):
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    return response


def _number(response: web.StreamResponse, request_id: str) -> None:
    """Put the number into a problem, where people copy it from."""
    if isinstance(response, web.Response) and response.content_type == problems.CONTENT_TYPE:
        assert isinstance(response.body, bytes)
        problem = replace(decode_view(response.body, Problem), request_id=request_id)
        response.body = encode_view(problem) + b"\n"


def _tell_http(error: web.HTTPException, request: web.Request) -> web.Response:
    path = request.path[:_PATH_SHOWN]
    match error.status:
        case 404:
            refusal = HttpRefusal(HTTPStatus.NOT_FOUND, f"there is nothing at {path!r}")
        case 405 if request.method == hdrs.METH_OPTIONS:
            allowed = f"{error.headers[hdrs.ALLOW]},{hdrs.METH_OPTIONS}"
            return web.Response(status=204, headers={hdrs.ALLOW: allowed})
        case 405:
            refusal = HttpRefusal(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not possible at {path!r}"
            )
        case _:
            refusal = HttpRefusal(HTTPStatus(error.status), error.reason)
    response = refused(refusal).response()
    if allow := error.headers.get(hdrs.ALLOW):
        response.headers[hdrs.ALLOW] = allow
    return response


def unreadable(message: str) -> Reply:
    """Return the reply to bytes that are no HTTP request."""
    return refused(HttpRefusal(HTTPStatus.BAD_REQUEST, message))
