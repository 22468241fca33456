"""`/name`: the names of tasks or nodes and nothing else, for what completes them while somebody types."""

from __future__ import annotations

from heapq import nsmallest

from aiohttp import web

from cube.errors import InvalidInput, Objection
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.intake import Query
from cube.manager.replies import json_response
from cube.model.task import Goal
from cube.wire.routes import NAMES

NAMES_MOST = 1_000  # more than a person reads
NOUNS = ("task", "node")


class NameApi:
    """`GET /name`."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(NAMES, self.names)]

    async def names(self, request: web.Request) -> web.Response:
        """Show the names that begin so, in order. Of tasks those that are not stopped."""
        query = Query(request)
        noun, prefix = query.text("of") or "task", query.text("prefix") or ""
        limit = query.integer("limit", most=NAMES_MOST) or NAMES_MOST
        query.end()
        if noun not in NOUNS:
            raise InvalidInput((Objection("?of", f"must be one of {', '.join(NOUNS)}"),))

        def look(core: Core) -> list[str]:
            found = {name for name in _names(core, noun) if name.startswith(prefix)}
            return nsmallest(limit, found)

        return json_response(await self._decider.read(look))


def _names(core: Core, noun: str) -> list[str]:
    if noun == "node":
        return [node.name for node in core.cluster.nodes.values()]
    return [task.name for task in core.cluster.tasks.values() if task.goal is not Goal.STOP]
