"""Certificates of workers that are in: renewing and revoking them, and the rotation of the root behind them."""

from __future__ import annotations

from aiohttp import web

from cube.core.rotation import Acknowledged
from cube.errors import NotAllowed
from cube.manager.api.documents import read_as
from cube.manager.api.join import the_secure
from cube.manager.auditor import Auditor
from cube.manager.callers import caller
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.intake import Query, read_body, reference
from cube.manager.lookup import find_node
from cube.manager.replies import json_response
from cube.manager.secure import Secure
from cube.model.ids import NodeId
from cube.wire.membership import CertificateRequest, RotationView
from cube.wire.routes import CERTIFICATE, NODES, ROTATION

REQUEST_BYTES = 16 * 1024  # a signing request and two fingerprints
REQUEST_SECONDS = 10.0


class CertificateApi:
    """What workers ask of the authority, and administrators of both."""

    def __init__(self, secure: Secure | None, decider: Decider, auditor: Auditor) -> None:
        self._secure = secure
        self._decider = decider
        self._auditor = auditor

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.post(CERTIFICATE, self.renew),
            web.get(ROTATION, self.rotation),
            web.post(ROTATION, self.rotate),
            *(web.post(f"{root}/{{ref}}/revoke", self.revoke) for root in NODES),
        ]

    async def renew(self, request: web.Request) -> web.Response:
        """Give a worker another certificate for its key, and take note of what it trusts and holds."""
        secure = the_secure(self._secure)
        who = caller()
        node_id = who.principal.node_id if who is not None and who.principal is not None else None
        if node_id is None:
            raise NotAllowed(
                "a certificate is renewed by a connection that shows the one before",
                hint="a worker without one joins with a token",
            )
        body = await read_body(request, limit=REQUEST_BYTES, seconds=REQUEST_SECONDS)
        asked = read_as(body, CertificateRequest)
        certified = await secure.membership.renew(node_id, asked.request)
        said = Acknowledged(frozenset(asked.trusts[:10]), asked.holds)
        secure.rotation.acknowledged(node_id, said)
        return json_response(certified)

    async def revoke(self, request: web.Request) -> web.Response:
        """Deny the certificates of a node and cut its connections. The node stays known."""
        secure, found = the_secure(self._secure), reference(request)
        Query(request).end()
        node_id = await self._node_id(secure, found)
        await secure.membership.revoke(node_id, self._auditor.beside(204))
        return web.Response(status=204)

    async def rotation(self, request: web.Request) -> web.Response:
        """Show the root, and how far a rotation of it is."""
        Query(request).end()
        return json_response(await self._view())

    async def rotate(self, request: web.Request) -> web.Response:
        """Begin a rotation of the root; with `?finish=1` have one wait for connected workers only."""
        query = Query(request)
        finish = query.flag("finish")
        query.end()
        rotation = the_secure(self._secure).rotation
        await (rotation.finish() if finish else rotation.begin())
        if (who := caller()) is not None:
            who.object = "finish" if finish else "begin"
        return json_response(await self._view())

    async def _view(self) -> RotationView:
        secure = the_secure(self._secure)
        missing = secure.rotation.missing()

        def names(core: Core) -> list[str]:
            nodes = core.cluster.nodes
            return sorted(nodes[id].name if id in nodes else id for id in missing)

        root = secure.authority.signer
        return RotationView(
            pin=root.pin,
            expires_at=root.certificate.not_valid_after_utc,
            stage=secure.rotation.stage,
            missing=await self._decider.read(names),
        )

    async def _node_id(self, secure: Secure, found: str) -> NodeId:
        """Return the node that is meant; also one that the cluster has forgotten, by its id."""
        if (node_id := NodeId(found)) in secure.membership.credentials:
            return node_id
        return await self._decider.read(lambda core: find_node(core.cluster, found).id)
