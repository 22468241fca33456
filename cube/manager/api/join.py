"""`/ca`, `/join` and `/join-token`: how a machine comes to know the cluster, and the cluster the machine."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from cube.aio.clock import Clock
from cube.errors import Conflict
from cube.manager.api.documents import read_as
from cube.manager.attempts import Attempts
from cube.manager.decider import Decider
from cube.manager.intake import Query, read_body
from cube.manager.lookup import find_node
from cube.manager.replies import HttpRefusal, json_response, shown
from cube.manager.secure import Secure
from cube.manager.views import moment
from cube.model.ids import NodeId
from cube.model.membership import JoinToken
from cube.settings import ManagerSettings
from cube.wire.membership import JoinRequest, JoinTokenView, JoinTokenWish, RootsView
from cube.wire.routes import JOIN, JOIN_TOKENS, ROOTS


class JoinApi:
    """What machines that are to join ask for, and who may."""

    def __init__(
        self, secure: Secure | None, decider: Decider, clock: Clock, settings: ManagerSettings
    ) -> None:
        self._secure = secure
        self._decider = decider
        self._clock = clock
        self._settings = settings
        self._attempts = Attempts(settings.joins_per_minute)

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(ROOTS, self.roots),
            web.post(JOIN, self.join),
            web.get(JOIN_TOKENS, self.all),
            web.post(JOIN_TOKENS, self.make),
            web.delete(f"{JOIN_TOKENS}/{{id}}", self.remove),
        ]

    async def roots(self, request: web.Request) -> web.Response:
        """Show the cluster's roots to anybody: what they are worth is for the pin to say."""
        Query(request).end()
        return json_response(RootsView(the_secure(self._secure).authority.bundle))

    async def join(self, request: web.Request) -> web.Response:
        """Let a machine in whose token is good, and give it its certificate."""
        secure = the_secure(self._secure)
        now = self._clock.now().monotonic
        if not self._attempts.admit(request.remote or "", now):
            raise HttpRefusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"this address asks to join more than {self._settings.joins_per_minute} times a minute",
                hint="wait a minute",
            )
        asked = read_as(await self._body(request), JoinRequest)
        return json_response(await secure.membership.join(asked))

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
        secret = await secure.membership.make_token(wish.ttl_ms / 1000, wish.uses, node_id)
        join = f"cube worker start --join {secure.address}"
        view = _view(secure.membership.tokens[secret.id], text=secret.text(), join=join)
        return shown(view, 201).response()

    async def remove(self, request: web.Request) -> web.Response:
        """Make a token worthless."""
        await the_secure(self._secure).membership.remove_token(request.match_info["id"][:64])
        return web.Response(status=204)

    async def _node(self, reference: str) -> NodeId:
        """Return the id of a node that the cluster has, or of one that it has forgotten and whose id was given."""
        credentials = the_secure(self._secure).membership.credentials
        if (node_id := NodeId(reference)) in credentials:
            return node_id
        return await self._decider.read(lambda core: find_node(core.cluster, reference).id)

    async def _body(self, request: web.Request) -> bytes:
        settings = self._settings
        return await read_body(request, limit=settings.body_limit, seconds=settings.body_seconds)


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
