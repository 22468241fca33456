"""`/discovery/…`: the replicas that are ready, for Prometheus, Traefik and HAProxy. Same state, same bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
from aiohttp import web

from cube.core.discovery import Served, served
from cube.manager.decider import Decider
from cube.manager.discovery import haproxy, prometheus, traefik
from cube.manager.doors import Core
from cube.wire.routes import DISCOVERY

log = logging.getLogger(__name__)

QUICK = 0.01  # seconds: what takes no longer is made anew for everybody who asks
KEPT_TIMES = 10.0  # what took longer is kept for so many times as long: a tenth of the loop at most


class DiscoveryApi:
    """Each asks for tasks with a label of its own."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._kept: dict[str, tuple[float, bytes]] = {}  # by label: until when, and what
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
        body = await self._told(
            prometheus.ENABLE, lambda tasks: _json(prometheus.target_groups(tasks))
        )
        return web.Response(body=body, content_type="application/json")

    async def traefik(self, request: web.Request) -> web.Response:
        """Show routers and services as Traefik's HTTP provider reads them."""
        body = await self._told(traefik.ENABLE, self._for_traefik)
        return web.Response(body=body, content_type="application/json")

    async def haproxy(self, request: web.Request) -> web.Response:
        """Show the backends as HAProxy reads them."""
        body = await self._told(haproxy.ENABLE, lambda tasks: haproxy.backends(tasks).encode())
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    async def _told(self, label: str, render: Callable[[list[Served]], bytes]) -> bytes:
        until, body = self._kept.get(label, (0.0, b""))
        if self._decider.now().monotonic < until:
            return body

        def look(core: Core) -> tuple[bytes, float]:
            began = self._decider.now().monotonic
            body = render(served(core.cluster, label))
            return body, self._decider.now().monotonic - began

        body, took = await self._decider.read(look)
        if took > QUICK:
            self._kept[label] = self._decider.now().monotonic + KEPT_TIMES * took, body
        return body

    def _for_traefik(self, tasks: list[Served]) -> bytes:
        document, ignored = traefik.configuration(tasks)
        if ignored != self._ignored:
            self._ignored = ignored
            if ignored:
                log.warning("labels that are not passed on to Traefik: %s", "; ".join(ignored))
        return _json(document)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
