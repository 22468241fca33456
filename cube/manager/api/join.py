"""`/ca`, `/join` and `/join-token`: how a machine comes to know the cluster, and the cluster the machine."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from cube.errors import Conflict, NotAllowed, TooOften
from cube.manager.api.documents import read_as
from cube.manager.auditor import Auditor
from cube.manager.callers import caller
from cube.manager.decider import Decider
from cube.manager.intake import Query, read_body, reference
from cube.manager.limits import Buckets
from cube.manager.lookup import find_node
from cube.manager.replies import json_response, shown
from cube.manager.views import moment
from cube.model.ids import NodeId
from cube.model.membership import JoinToken
from cube.settings import ManagerSettings
from cube.wire.membership import JoinRequest, JoinTokenView, JoinTokenWish, RootsView
from cube.wire.routes import JOIN, JOIN_TOKENS, ROOTS

if TYPE_CHECKING:  # only where others reach the manager
    from cube.manager.secure import Secure


class JoinApi:
    """What machines that are to join ask for, and who may."""

    def __init__(
        self,
        secure: Secure | None,
        decider: Decider,
        auditor: Auditor,
        settings: ManagerSettings,
        clock: Callable[[], float],
    ) -> None:
        """`clock` tells monotonic seconds."""
        self._secure = secure
        self._decider = decider
        self._auditor = auditor
        self._settings = settings
        most = settings.limits.joins_per_minute
        self._attempts = Buckets(most / 60, most, clock)

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(ROOTS, self.roots),
            web.post(JOIN, self.join),
            web.get(JOIN_TOKENS, self.all),
            web.post(JOIN_TOKENS, self.make),
            web.delete(f"{JOIN_TOKENS}/{{ref}}", self.remove),
        ]

    async def roots(self, request: web.Request) -> web.Response:
        """Show the cluster's roots to anybody: what they are worth is for the pin to say."""
        Query(request).end()
        return json_response(RootsView(the_secure(self._secure).authority.bundle))

    async def join(self, request: web.Request) -> web.Response:
        """Let a machine in whose token is good, and give it its certificate."""
        secure = the_secure(self._secure)
        if wait := self._attempts.take(request.remote or ""):
            self._denied(HTTPStatus.TOO_MANY_REQUESTS)
            raise TooOften(
                f"this address asks to join more than {self._settings.limits.joins_per_minute} times a minute",
                retry_after=wait,
            )
        asked = read_as(await self._body(request), JoinRequest)
        try:
            certified = await secure.membership.join(asked, self._auditor.beside(200))
        except NotAllowed:
            self._denied(HTTPStatus.FORBIDDEN)
            raise
        return json_response(certified)

    async def all(self, request: web.Request) -> web.Response:
        """Show the tokens there are, the oldest first."""
        Query(request).end()
        tokens = the_secure(self._secure).membership.tokens.values()
        return json_response([_view(one) for one in sorted(tokens, key=lambda one: one.made_ms)])

    async def make(self, request: web.Request) -> web.Response:
        """Make a token, and tell it this once."""
        secure = the_secure(self._secure)
        wish = read_as(await self._body(request), JoinTokenWish)
        node_id = await self._node(wish.node) if wish.node else None
        secret = await secure.membership.make_token(
            wish.ttl_ms / 1000, wish.uses, node_id, self._auditor.beside(201)
        )
        join = f"cube worker start --join {secure.address}"
        view = _view(secure.membership.tokens[secret.id], text=secret.text(), join=join)
        response = shown(view, 201).response()
        response.headers["Cache-Control"] = "no-store"
        return response

    async def remove(self, request: web.Request) -> web.Response:
        """Make a token worthless."""
        membership, id = the_secure(self._secure).membership, reference(request)
        await membership.remove_token(id, self._auditor.beside(204))
        return web.Response(status=204)

    def _denied(self, outcome: int) -> None:
        """Remember whom the token, and not the rule of the operation, turned away."""
        if (who := caller()) is not None:
            self._auditor.denied(who, outcome)

    async def _node(self, wanted: str) -> NodeId:
        """Return the id of a node that the cluster has, or of one that it has forgotten and whose id was given."""
        credentials = the_secure(self._secure).membership.credentials
        if (node_id := NodeId(wanted)) in credentials:
            return node_id
        return await self._decider.read(lambda core: find_node(core.cluster, wanted).id)

    async def _body(self, request: web.Request) -> bytes:
        settings = self._settings
        return await read_body(
            request, limit=settings.body_limit, seconds=settings.limits.body_seconds
        )


def the_secure(secure: Secure | None) -> Secure:
    """Return what a manager has that others reach. Conflict for one of its own machine only."""
    if secure is None:
        raise Conflict(
            "the manager listens on this machine only: no other can join",
            hint="start it with --host and the address by which workers reach it",
        )
    return secure


def _view(token: JoinToken, *, text: str = "", join: str = "") -> JoinTokenView:
    return JoinTokenView(
        id=token.id,
        made_at=moment(token.made_ms),
        expires_at=moment(token.expires_ms),
        uses=token.uses,
        left=token.left,
        node_id=token.node_id,
        token=text,
        join=join,
    )
