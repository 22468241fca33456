"""`/metrics`, in Prometheus' text format."""

from __future__ import annotations

from aiohttp import hdrs, web

from cube.aio.aside import Aside
from cube.instruments import CONTENT_TYPE, Instruments
from cube.manager.readings import Gauges
from cube.wire.routes import METRICS


class MetricsApi:
    """What the manager measures."""

    def __init__(self, instruments: Instruments, gauges: Gauges, aside: Aside) -> None:
        self._instruments = instruments
        self._gauges = gauges
        self._aside = aside

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(METRICS, self.metrics)]

    async def metrics(self, request: web.Request) -> web.Response:
        """Show all metrics. Written beside the event loop: thousands of series take tens of milliseconds."""
        readings = await self._gauges.read()
        text = await self._aside.compute(lambda: self._instruments.render(readings))
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
