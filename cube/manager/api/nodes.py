"""`/node`: the machines, and what an administrator allows them to be used for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from cube.core.effects import Answer
from cube.core.inputs import Input, RemoveNode, SetAvailability
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.idempotency import Changes, key_of
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_node
from cube.manager.paging import cursor, labelled, named, page
from cube.manager.replies import Reply, error_of, json_response, refused, shown
from cube.manager.views import drain_view, node_view
from cube.model.node import Availability, Node
from cube.wire.routes import NODES
from cube.wire.views import NodeState, NodeView

NODES_MOST = 10_000
LONGEST_DEADLINE = 365 * 24 * 3600 * 1000  # milliseconds

_VERBS = {
    "cordon": Availability.CORDONED,
    "uncordon": Availability.ACTIVE,
}


class NodeApi:
    """`/node` and below."""

    def __init__(self, decider: Decider, changes: Changes) -> None:
        self._decider = decider
        self._changes = changes

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            route
            for root in NODES
            for route in (
                web.get(root, self.all),
                web.get(f"{root}/{{ref}}", self.one),
                web.delete(f"{root}/{{ref}}", self.remove),
                web.get(f"{root}/{{ref}}/drain", self.drain_state),
                web.post(f"{root}/{{ref}}/drain", self.drain),
                *(
                    web.post(f"{root}/{{ref}}/{verb}", self._setter(availability))
                    for verb, availability in _VERBS.items()
                ),
            )
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show the nodes that fit by name, page by page."""
        query = Query(request)
        state, has_label, has_name = query.choice("state", NodeState), labelled(query), named(query)
        limit = query.integer("limit", most=NODES_MOST) or NODES_MOST
        after = cursor(query, numbered=False)
        query.end()

        def look(core: Core) -> tuple[list[NodeView], dict[str, str]]:
            fitting = (
                node
                for node in core.cluster.nodes.values()
                if has_name(node.name)
                and has_label(node.facts.labels)
                and (state is None or state.value in (node.condition, node.availability))
            )
            found, more = page(fitting, limit, after, lambda node: (node.name, node.id))
            return [self._view(node) for node in found], more

        return json_response(*await self._decider.read(look))

    async def one(self, request: web.Request) -> web.Response:
        """Show one node."""
        found = reference(request)
        view = await self._decider.read(lambda core: self._view(find_node(core.cluster, found)))
        return json_response(view)

    async def remove(self, request: web.Request) -> web.Response:
        """Forget a node that is not connected; with `?force=1` also one that slots with volumes wait for."""
        query = Query(request)
        force = query.flag("force")
        query.end()
        return await self._change(
            request, lambda node: RemoveNode(node.id, force), lambda node: Reply(204)
        )

    async def drain(self, request: web.Request) -> web.Response:
        """Empty a node. `?deadline_ms=` says after how long what cannot move is stopped, `?force=1`: at once."""
        query = Query(request)
        deadline_ms, force = (
            query.integer("deadline_ms", most=LONGEST_DEADLINE),
            query.flag("force"),
        )
        query.end()
        patience = 0.0 if force else None if deadline_ms is None else deadline_ms / 1000
        return await self._set(request, Availability.DRAINING, patience)

    async def drain_state(self, request: web.Request) -> web.Response:
        """Show what is left on a draining node, and why."""
        Query(request).end()
        found = reference(request)
        now = self._decider.now()
        view = await self._decider.read(
            lambda core: drain_view(find_node(core.cluster, found), core.cluster, now)
        )
        return json_response(view)

    def _setter(
        self, availability: Availability
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def set_availability(request: web.Request) -> web.Response:
            return await self._set(request, availability)

        return set_availability

    async def _set(
        self, request: web.Request, availability: Availability, patience: float | None = None
    ) -> web.Response:
        return await self._change(
            request,
            lambda node: SetAvailability(node.id, availability, patience),
            lambda node: shown(self._view(self._decider.core.cluster.nodes[node.id])),
        )

    async def _change(
        self,
        request: web.Request,
        wish: Callable[[Node], Input],
        tell: Callable[[Node], Reply],
    ) -> web.Response:
        found = reference(request)
        header = request.headers.get("Idempotency-Key")
        nodes: list[Node] = []

        def wishes() -> list[Input]:
            nodes.append(find_node(self._decider.core.cluster, found))
            return [wish(nodes[0])]

        def reply(answers: list[Answer]) -> Reply:
            # The core answers a wish about a node with None when it is granted.
            return tell(nodes[0]) if answers == [None] else refused(error_of(answers[0]))

        key = key_of(header, request.method, request.path_qs, b"")
        return (await self._changes.make(key, wishes, reply)).response()

    def _view(self, node: Node) -> NodeView:
        return node_view(node, self._decider.core, self._decider.now())
