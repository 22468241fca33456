"""`/rebalance`: which replicas would be placed elsewhere today, and having them moved."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from cube.core.effects import Answer, Rebalanced
from cube.core.inputs import Rebalance
from cube.core.moves import Move
from cube.errors import InvalidInput, Objection
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.idempotency import Changes, key_of
from cube.manager.intake import Query
from cube.manager.replies import Reply, error_of, json_response, refused, shown
from cube.manager.views import move_view
from cube.wire.placement_views import MoveView
from cube.wire.routes import REBALANCE

MOVES_BY_DEFAULT = 10
MOVES_AT_MOST = 100


class RebalanceApi:
    """`POST /rebalance`."""

    def __init__(self, decider: Decider, changes: Changes) -> None:
        self._decider = decider
        self._changes = changes

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.post(REBALANCE, self.rebalance)]

    async def rebalance(self, request: web.Request) -> web.Response:
        """Show the moves; without `dry_run` have them made, one after the other."""
        query = Query(request)
        dry_run = query.flag("dry_run")
        wish = Rebalance(_moves(query), query.flag("include_single"))
        query.end()
        if dry_run:
            views = await self._decider.read(lambda core: _views(core.proposal(wish), core))
            return json_response(views)

        def reply(answers: list[Answer]) -> Reply:
            if isinstance(answers[0], Rebalanced):
                return shown(_views(answers[0].moves, self._decider.core))
            return refused(error_of(answers[0]))

        key = key_of(request.headers.get("Idempotency-Key"), request.method, request.path_qs, b"")
        return (await self._changes.make(key, lambda: [wish], reply)).response()


def _moves(query: Query) -> int:
    most = query.integer("max_moves", most=MOVES_AT_MOST)
    if most == 0:
        advice = f"must be 1 to {MOVES_AT_MOST}; to see what would move, use dry_run=1"
        raise InvalidInput((Objection("?max_moves", advice),))
    return most or MOVES_BY_DEFAULT


def _views(moves: Iterable[Move], core: Core) -> list[MoveView]:
    return [move_view(move, core.cluster) for move in moves]
