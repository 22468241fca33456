"""`/discovery/…`: the replicas that are ready, for Prometheus, Traefik and HAProxy. Same state, same bytes."""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web

from cube.core.discovery import Served, served
from cube.manager.decider import Decider
from cube.manager.discovery import haproxy, prometheus, traefik
from cube.wire.routes import DISCOVERY

log = logging.getLogger(__name__)


class DiscoveryApi:
    """Each asks for tasks with a label of its own."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._ignored: tuple[str, ...] = ()

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(f"{DISCOVERY}/prometheus", self.prometheus),
            web.get(f"{DISCOVERY}/traefik", self.traefik),
            web.get(f"{DISCOVERY}/haproxy", self.haproxy),
        ]

    async def prometheus(self, request: web.Request) -> web.Response:
        """Show the targets as Prometheus' HTTP service discovery reads them."""
        found = await self._served(prometheus.ENABLE)
        return _json(prometheus.target_groups(found))

    async def traefik(self, request: web.Request) -> web.Response:
        """Show routers and services as Traefik's HTTP provider reads them."""
        document, ignored = traefik.configuration(await self._served(traefik.ENABLE))
        if ignored != self._ignored:
            self._ignored = ignored
            if ignored:
                log.warning("labels that are not passed on to Traefik: %s", "; ".join(ignored))
        return _json(document)

    async def haproxy(self, request: web.Request) -> web.Response:
        """Show the backends as HAProxy reads them."""
        text = haproxy.backends(await self._served(haproxy.ENABLE))
        return web.Response(text=text)

    async def _served(self, label: str) -> list[Served]:
        return await self._decider.read(lambda core: served(core.cluster, label))


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value) + b"\n", content_type="application/json")
