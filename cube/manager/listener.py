"""The manager's socket: connections up to a number, and problems even for what is no HTTP at all."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cube.errors import CubeError, Overloaded
from cube.manager.middleware import unreadable
from cube.manager.replies import refused

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75.0  # as browsers and proxies expect; aiohttp's own default is an hour
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read, so that the refusal is not lost in a reset."""
STOP_SECONDS = 3.0  # for answers under way when the manager stops
BACKLOG = 1024  # a thousand workers that come back in one second
LINE_BYTES = 32 * 1024  # 200 marks of a log that is gone on with are 13 KB
HEADERS = 64


class Listener:
    """Serves an application on one address."""

    def __init__(self, app: web.Application, *, connections: int) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        self._connections = connections
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port. CubeError naming the address when it cannot be had."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, host, port, backlog=BACKLOG)
        except OSError as error:
            await self._runner.cleanup()
            raise CubeError(
                f"port {port} on {host} is taken"
                if error.errno is not None and "in use" in str(error)
                else f"cannot listen on {host}:{port}: {error.strerror}",
                hint="another manager may be running there; choose another port with --port",
            ) from error
        return cast(int, self._server.sockets[0].getsockname()[1])

    def stop_accepting(self) -> None:
        """Take no more connections; those that are there stay."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Let answers under way end, for a short while, and close everything. Repeats safely."""
        self.stop_accepting()
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= self._connections:
            return _TurnAway(self._connections)
        return _Connection(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # turns it off, which the stub does not know
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=LINE_BYTES,
            max_headers=HEADERS,
            auto_decompress=False,
        )


class _Connection(RequestHandler):
    """aiohttp's, but for how it tells that it could not read a request."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer with a problem and close. aiohttp would answer in HTML, and log every stranger's noise."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer broke off") from exc
        log.debug("%s: %d %s", request.remote, status, message, exc_info=exc)
        words = "this is no HTTP request" if status == 400 else "the request could not be answered"
        reply = unreadable(words) if status == 400 else refused(CubeError(words))
        response = reply.response()
        response.force_close()
        return response


class _TurnAway(asyncio.Protocol):
    """Says that there are too many, and hangs up."""

    def __init__(self, most: int) -> None:
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reply = refused(Overloaded(f"{self._most} connections are open; try again later"))
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n"
        )
        wire = cast(asyncio.Transport, transport)
        wire.write(head.encode() + reply.body)
        wire.close()
