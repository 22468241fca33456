"""Something in front of a manager, as a proxy would be: it can ask for a token, and cut what streams through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from cube.wire.problems import CONTENT_TYPE

OPEN = ("/page/",)
PASSED_ON = ("Accept", "Authorization", "Idempotency-Key", "Last-Event-ID", "If-None-Match")


class Front:
    """Passes requests on to a manager. With a `token` those without it are refused, but for the page itself."""

    def __init__(self, manager: str, session: aiohttp.ClientSession) -> None:
        self._manager = manager
        self._session = session
        self._streams: set[aiohttp.ClientResponse] = set()
        self.token = ""
        self.failing: dict[str, int] = {}
        """How often each of these paths is still to be answered with 503."""
        self.base = ""
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def cut(self) -> None:
        """Break every answer that is under way."""
        for stream in list(self._streams):
            stream.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer as the manager does."""
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        self.asked.append((request.method, request.path_qs, headers))
        if self.failing.get(request.path, 0):
            self.failing[request.path] -= 1
            return web.Response(status=503)
        is_open = request.path == "/" or request.path.startswith(OPEN)
        if self.token and not is_open and headers.get("Authorization") != f"Bearer {self.token}":
            problem = {"detail": "this needs a token with the role viewer", "status": 401}
            return web.json_response(problem, status=401, content_type=CONTENT_TYPE)
        url = self._manager + request.path_qs
        body = await request.read()
        async with self._session.request(request.method, url, data=body, headers=headers) as told:
            self._streams.add(told)
            response = web.StreamResponse(status=told.status)
            for name in ("Content-Type", "Content-Security-Policy", "ETag", "Cache-Control"):
                if name in told.headers:
                    response.headers[name] = told.headers[name]
            await response.prepare(request)
            try:
                async for data in told.content.iter_any():
                    await response.write(data)
            except aiohttp.ClientError:
                pass
            finally:
                self._streams.discard(told)
            if told.content.exception() is not None and request.transport is not None:
                request.transport.abort()
        return response


@asynccontextmanager
async def front_of(manager: str) -> AsyncIterator[Front]:
    """One that listens for as long as the block."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        front = Front(manager, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", front.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        front.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield front
        finally:
            front.cut()
            await runner.cleanup()
