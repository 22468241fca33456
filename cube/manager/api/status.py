"""How the manager itself is: for people, probes and dashboards."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from aiohttp import web

import cube
from cube.aio.lag import LagGauge
from cube.core.roster import Standing
from cube.errors import Recovering
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.feed import Feed
from cube.manager.replies import HttpRefusal, json_response, refused
from cube.manager.session import Sessions
from cube.manager.streams import Streams
from cube.manager.watching import Watching
from cube.wire.messages import PROTOCOL
from cube.wire.openapi import description
from cube.wire.routes import HEALTHZ, OPENAPI, READYZ, STATS, VERSION
from cube.wire.views import StatsView, StatusView, VersionView


class StatusApi:
    """`/healthz`, `/readyz`, `/version`, `/stats`, `/openapi.json`."""

    def __init__(
        self,
        decider: Decider,
        sessions: Sessions,
        feed: Feed,
        watching: Watching,
        streams: Streams,
        lag: LagGauge,
    ) -> None:
        self._decider = decider
        self._sessions = sessions
        self._feed = feed
        self._watching = watching
        self._streams = streams
        self._lag = lag

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(HEALTHZ, self.healthz),
            web.get(READYZ, self.readyz),
            web.get(VERSION, self.version),
            web.get(STATS, self.stats),
            web.get(OPENAPI, self.openapi),
        ]

    async def openapi(self, request: web.Request) -> web.Response:
        """Show what this API is, for programs."""
        return json_response(_description())

    async def healthz(self, request: web.Request) -> web.Response:
        """Say that the process answers."""
        return json_response(StatusView("ok"))

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether changes are taken at present."""
        if doubt := self._decider.doubt:
            message = f"no change can be taken now: {doubt.message}"
            return refused(HttpRefusal(HTTPStatus.SERVICE_UNAVAILABLE, message)).response()
        waiting_for = await self._decider.read(lambda core: core.recovering)
        if waiting_for is not None:
            return refused(Recovering(f"the ledger is being recovered: {waiting_for}")).response()
        return json_response(StatusView("ready"))

    async def version(self, request: web.Request) -> web.Response:
        """Say who answers."""
        return json_response(
            VersionView(
                version=cube.__version__,
                protocol=PROTOCOL,
                cluster_id=self._decider.core.cluster.id,
            )
        )

    async def stats(self, request: web.Request) -> web.Response:
        """Count what there is, and tell how long the loop kept others waiting."""
        return json_response(await self._decider.read(self._count))

    def _count(self, core: Core) -> StatsView:
        cluster = core.cluster
        rosters = cluster.rosters.values()
        return StatsView(
            revision=cluster.revision,
            tasks=len(cluster.tasks),
            allocations=len(cluster.allocations),
            nodes=len(cluster.nodes),
            nodes_ready=sum(node.ready for node in cluster.nodes.values()),
            sessions=len(self._sessions),
            followers=len(self._feed),
            watchers=len(self._watching),
            streams=len(self._streams),
            decisions_in_flight=self._decider.in_flight,
            replicas_running=sum(roster.running for roster in rosters),
            replicas_waiting=sum(roster.count(Standing.VACANT) for roster in rosters),
            loop_lag_ms=round(self._lag.percentile(0.99) * 1000, 3),
            loop_lag_max_ms=round(self._lag.percentile(1.0) * 1000, 3),
        )


@lru_cache(1)  # 10 ms, and always the same
def _description() -> dict[str, Any]:
    return description(cube.__version__)
