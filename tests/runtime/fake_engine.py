"""An engine's socket behind which a test decides what is answered, and how badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeEngine:
    """Answers by method and path, without the version in front; `asked` is what it was asked."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._runner: web.AppRunner | None = None
        self.asked: list[web.Request] = []
        self.versions = {"ApiVersion": "1.41", "MinAPIVersion": "1.12"}

    @property
    def url(self) -> str:
        """The address to give to a runtime."""
        return f"unix://{self._socket}"

    async def open(self) -> None:
        """Listen; again after a `close`."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._socket)).start()

    async def open_tcp(self) -> str:
        """Listen on a port as well, and return its address."""
        assert self._runner is not None
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return "tcp://{}:{}".format(*self._runner.addresses[-1])

    async def close(self) -> None:
        """Be gone, as an engine is that was killed: its connections break."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._socket.unlink(missing_ok=True)

    def on(self, method: str, path: str, handler: Handler) -> None:
        """Answer a question with a handler."""
        self._handlers[method, path] = handler

    def answer(self, method: str, path: str, body: object, status: int = 200) -> None:
        """Answer a question with JSON."""

        async def handler(_: web.Request) -> web.StreamResponse:
            return _json(body, status)

        self.on(method, path, handler)

    def refuse(self, method: str, path: str, status: int, message: str) -> None:
        """Answer a question with an error."""
        self.answer(method, path, {"message": message}, status)

    def stream(self, method: str, path: str, *pieces: bytes, drop: bool = False) -> None:
        """Answer a question in pieces; `drop` breaks the connection after the last."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
            if drop and request.transport is not None:
                request.transport.abort()
            return response

        self.on(method, path, handler)

    def hang(self, method: str, path: str) -> None:
        """Take a question and never answer it."""

        async def handler(_: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        self.on(method, path, handler)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        first, _, rest = request.match_info["path"].partition("/")
        path = rest if first.startswith("v1.") else request.match_info["path"]
        if path == "version":
            return _json(self.versions)
        self.asked.append(request)
        handler = self._handlers.get((request.method, path))
        if handler is None:
            return _json({"message": f"page not found: {path}"}, 404)
        return await handler(request)


def _json(body: object, status: int = 200) -> web.Response:
    # With no charset in the type, as engines have it.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)
