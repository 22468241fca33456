"""Who calls over TLS: the worker whose certificate the connection showed, and what it may ask.

On the loopback address nothing is asked of the caller here. Over TLS everything that is not for anybody needs a
proof, also what does not exist: a stranger learns nothing of what there is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from weakref import WeakSet

from aiohttp import web

from cube.errors import NotAllowed, Unauthenticated
from cube.manager.membership import Membership
from cube.model.ids import NodeId
from cube.model.role import Role
from cube.security.certificates import era_of, principal_of
from cube.security.principal import Principal
from cube.wire.operation import Operation
from cube.wire.operations import aliased

PRINCIPAL = web.RequestKey("principal", Principal)


class Callers:
    """Knows the callers of the TLS listener and their open connections. `membership` is there once TLS is."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._roles: dict[tuple[str, str], Role | None] = {
            (one.method, one.path): one.role for one in operations
        }
        self._connections: dict[NodeId, WeakSet[asyncio.Transport]] = {}
        self.membership: Membership | None = None

    def check(self, request: web.Request) -> None:
        """Raise Unauthenticated or NotAllowed for what the caller may not ask; note who it is otherwise."""
        transport = request.transport
        if transport is None:
            return
        shown: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if shown is None:
            return
        principal = self._identify(shown)
        if principal is not None and principal.node_id is not None:
            request[PRINCIPAL] = principal
            self._connections.setdefault(principal.node_id, WeakSet()).add(transport)
        role = self._role(request)
        if isinstance(role, Role):
            _permit(principal, role)

    def cut(self, node_id: NodeId) -> None:
        """Break off every connection of the node, whatever it carries."""
        for transport in self._connections.pop(node_id, ()):
            transport.abort()

    def _identify(self, shown: ssl.SSLObject) -> Principal | None:
        principal = principal_of(shown)
        if principal is None or principal.node_id is None or self.membership is None:
            return None
        if self.membership.denies(principal.node_id, era_of(shown)):
            raise Unauthenticated(
                "this worker's certificate was revoked",
                hint="join again: `cube join-token create --node` on the manager makes a token",
            )
        return principal

    def _role(self, request: web.Request) -> Role | None:
        """Return what the operation asks for; of what is no operation, what nobody is given for nothing."""
        resource = request.match_info.route.resource
        method = "GET" if request.method == "HEAD" else request.method
        path = "" if resource is None else aliased(resource.canonical)
        return self._roles.get((method, path), Role.VIEWER)


def _permit(principal: Principal | None, role: Role) -> None:
    if principal is None:
        raise Unauthenticated(
            "nobody knows who is asking",
            hint="over TLS a token or a worker's certificate is needed; on the manager's machine ask localhost",
        )
    if not principal.may(role):
        raise NotAllowed("a worker may not do this", hint=f"it needs the role {role}")
