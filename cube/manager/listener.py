"""The manager's socket: connections up to a number, and problems even for what is no HTTP at all."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cube.errors import CubeError, Overloaded
from cube.manager.middleware import unreadable
from cube.manager.replies import refused
from cube.security.tls import HANDSHAKE_SECONDS

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75.0  # as browsers and proxies expect; aiohttp's own default is an hour
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read, so that the refusal is not lost in a reset."""
STOP_SECONDS = 3.0  # for answers under way when the manager stops
BACKLOG = 1024  # a thousand workers that come back in one second
LINE_BYTES = 8190
HEADERS = 64


class Listener:
    """Serves an application on one address of this machine and, with TLS, on one that others reach."""

    def __init__(self, app: web.Application, *, connections: int) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        self._connections = connections
        self._server: asyncio.Server | None = None
        self._tls: list[asyncio.Server] = []

    async def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Listen without TLS, and return the port. CubeError naming the address when it cannot be had.

        `shared`: leave the port to `open_tls` on all addresses; the kernel takes the one that is named more exactly.
        """
        await self._runner.setup()
        try:
            if shared and port:
                socket.create_server((host, port)).close()  # sharing would not tell: it is taken
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, host, port, backlog=BACKLOG, reuse_port=shared
            )
        except OSError as error:
            await self._runner.cleanup()
            raise _not_had(host, port, error) from error
        return cast(int, self._server.sockets[0].getsockname()[1])

    async def open_tls(
        self, host: str, port: int, context: ssl.SSLContext, *, shared: bool = False
    ) -> None:
        """Listen with TLS, too. After `open`; CubeError when the address cannot be had."""
        try:
            self._tls = [
                await asyncio.get_running_loop().create_server(
                    self._accept,
                    host,
                    port,
                    ssl=context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    backlog=BACKLOG,
                    reuse_port=shared,
                )
            ]
        except OSError as error:
            raise _not_had(host, port, error) from error

    async def renew_tls(self, context: ssl.SSLContext) -> None:
        """Serve new connections with this context. Those that are open stay; none that comes meanwhile is refused."""
        before, self._tls = self._tls, []
        # A copy listens on when the first is closed: who comes meanwhile waits in its queue.
        listening = [one.dup() for server in before for one in server.sockets]
        for server in before:
            server.close()
        for one in listening:
            self._tls.append(
                await asyncio.get_running_loop().create_server(
                    self._accept,
                    sock=one,
                    ssl=context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    backlog=BACKLOG,
                )
            )

    def stop_accepting(self) -> None:
        """Take no more connections; those that are there stay."""
        for server in (self._server, *self._tls):
            if server is not None:
                server.close()

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


def _not_had(host: str, port: int, error: OSError) -> CubeError:
    return CubeError(
        f"port {port} on {host} is taken"
        if error.errno == errno.EADDRINUSE
        else f"cannot listen on {host}:{port}: {error.strerror}",
        hint="another manager may be running there; choose another port with --port",
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
