"""Who may do what: each request is matched with the table of operations, its caller recognised, its role compared.

Stands behind the checks of Host and Origin and before every handler. A route that the table does not name is closed to
everybody. Nothing is told of what exists before it is known who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from cube.errors import CubeError, InvalidInput, NotAllowed, Objection, TooOften, Unauthenticated
from cube.manager.auditor import Auditor
from cube.manager.callers import Caller, asking
from cube.manager.disclosure import may_see_values, veil
from cube.manager.limits import Buckets
from cube.manager.listener import Connection
from cube.manager.presence import Presence
from cube.manager.token_book import TokenBook
from cube.model.role import Role
from cube.security import tokens
from cube.security.principal import Principal, Proof
from cube.settings import Limits
from cube.wire.operation import Operation
from cube.wire.operations import aliased

_HINT = "send `Authorization: Bearer TOKEN`; an administrator makes one with `cube token create`"
_TOKEN_NAMES = frozenset({"token", "access_token", "authorization", "api_key"})


class Access:
    """Lets requests in, or says why not."""

    def __init__(
        self,
        operations: Iterable[Operation],
        book: TokenBook,
        presence: Presence,
        auditor: Auditor,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        """`clock` tells monotonic seconds."""
        self._operations = {(one.method, one.path): one for one in operations}
        self._book = book
        self._presence = presence
        self._auditor = auditor
        self._limits = limits
        self._failures = Buckets(limits.failed_logins / 60, limits.failed_logins, clock)
        self._requests = Buckets(limits.requests_per_second, limits.requests_at_once, clock)

    def middleware(self) -> Middleware:
        """Return what stands before every handler."""

        @web.middleware
        async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.match_info.http_exception is not None:
                return await handler(request)  # there is nothing, and it says so
            operation = self._operation(request)
            _refuse_token_in_query(request)
            who = Caller(
                None, request.remote or "", operation.id, request.match_info.get("ref", "")
            )
            if operation.role is None:  # who is known by the connection is known to the handler
                who.principal = _of_connection(request)
                with asking(who):
                    return await handler(request)
            try:
                self._authorise(request, who, operation.role)
            except (NotAllowed, TooOften) as error:
                self._auditor.denied(who, _status(error))
                raise
            return await self._serve(request, handler, who, operation)

        return let_in

    async def _serve(
        self, request: web.Request, handler: Handler, who: Caller, operation: Operation
    ) -> web.StreamResponse:
        assert who.principal is not None
        audited = _is_act(operation, request)
        with self._present(request, who.principal), asking(who):
            if audited and operation.streams:  # it may last; that it began is what counts
                await self._auditor.act(who, HTTPStatus.SWITCHING_PROTOCOLS)
            response = await handler(request)
            if not may_see_values(who.principal):
                veil(response)
            if audited and response.status < HTTPStatus.BAD_REQUEST:
                await self._auditor.act(who, response.status)
            return response

    def _operation(self, request: web.Request) -> Operation:
        resource = request.match_info.route.resource
        method = "GET" if request.method == hdrs.METH_HEAD else request.method
        path = aliased(resource.canonical) if resource is not None else ""
        if (found := self._operations.get((method, path))) is None:
            raise NotAllowed("no rule says who may do this, so nobody may")
        return found

    # -- who, and what they may -----------------------------------------------------------------------------

    def _authorise(self, request: web.Request, who: Caller, role: Role) -> None:
        """Find out who asks and whether they may. Raises what they are to be told."""
        who.principal = principal = self._recognised(request)
        if principal.proof is Proof.TOKEN:
            if wait := self._requests.take(principal.key):
                raise TooOften(
                    f"this token may ask {self._limits.requests_per_second:g} times a second",
                    retry_after=wait,
                )
            if self._presence.count(principal.key) >= self._limits.streams_per_caller:
                most = self._limits.streams_per_caller
                raise TooOften(f"this token has {most} requests open", retry_after=1)
        if not principal.may(role):
            raise NotAllowed(
                f"this needs the role {role}; {principal.name or principal.key} has "
                f"{', '.join(sorted(principal.roles))}",
                hint="`cube token create --role` makes a token with another role"
                if role is not Role.WORKER
                else "",
            )

    def _recognised(self, request: web.Request) -> Principal:
        header = request.headers.get(hdrs.AUTHORIZATION)
        connection = request.protocol
        if header is None:
            if (principal := _of_connection(request)) is None:
                raise Unauthenticated("nobody knows who is asking", hint=_HINT)
            return principal
        # Who shows a token is who it says, also on a connection that would be somebody else by itself.
        if (principal := self._book.recognise(tokens.bearer(header) or "")) is None:
            if wait := self._failures.take(request.remote or ""):
                raise TooOften("too many wrong tokens came from this address", retry_after=wait)
            raise Unauthenticated(
                "this token is not valid: not one of this cluster, revoked, or expired", hint=_HINT
            )
        if isinstance(connection, Connection):
            connection.known()
        return principal

    @contextmanager
    def _present(self, request: web.Request, principal: Principal) -> Iterator[None]:
        transport = request.transport
        # Nobody revokes root; and who is known by a certificate is present with the connection itself.
        if principal.proof is not Proof.TOKEN or transport is None:
            yield
            return
        with self._presence.enter(principal, transport.abort):
            yield


def _of_connection(request: web.Request) -> Principal | None:
    """Return who the kernel or a certificate says is at the other end."""
    connection = request.protocol
    return connection.principal if isinstance(connection, Connection) else None


def _refuse_token_in_query(request: web.Request) -> None:
    if not request.query_string:
        return
    for name, value in request.query.items():
        if name.lower() in _TOKEN_NAMES or value.startswith(tokens.PREFIX):
            raise InvalidInput(
                (Objection(f"?{name[:60]}", "a token belongs in the Authorization header"),),
                hint="addresses end up in logs and histories: revoke this token, `cube token rm`",
            )


def _is_act(operation: Operation, request: web.Request) -> bool:
    """Whether it is for the audit: changes, and the way into containers. Not what workers report."""
    if operation.role is Role.WORKER or "dry_run" in request.query:
        return False
    return operation.method != hdrs.METH_GET or operation.role is Role.SHELL


def _status(error: CubeError) -> int:
    if isinstance(error, TooOften):
        return HTTPStatus.TOO_MANY_REQUESTS
    known = not isinstance(error, Unauthenticated)
    return HTTPStatus.FORBIDDEN if known else HTTPStatus.UNAUTHORIZED
