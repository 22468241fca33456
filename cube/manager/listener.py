"""The manager's socket: connections up to a number, heads within a time, and problems even for what is no HTTP at all.

Each connection is looked at once, when it is made: who can prove by it alone who it is is never among the strangers.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cube.errors import CubeError, Overloaded
from cube.manager.handshake import Handshakes
from cube.manager.middleware import unreadable
from cube.manager.presence import Presence
from cube.manager.recognition import Recognise, user_of_this_machine
from cube.manager.replies import HttpRefusal, Reply, refused
from cube.manager.strangers import Strangers
from cube.security.principal import Principal, Proof
from cube.settings import Limits

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75.0  # as browsers and proxies expect; aiohttp's own default is an hour
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read, so that the refusal is not lost in a reset."""
STOP_SECONDS = 3.0  # for answers under way when the manager stops
BACKLOG = 1024  # a thousand workers that come back in one second
LINE_BYTES = 32 * 1024  # 200 marks of a log that is gone on with are 13 KB
HEADERS = 64


class Listener:
    """Serves an application on one address of this machine and, with TLS, on one that others reach."""

    def __init__(
        self,
        app: web.Application,
        *,
        connections: int,
        limits: Limits | None = None,
        recognise: Recognise = user_of_this_machine,
        presence: Presence | None = None,
    ) -> None:
        """`recognise` is asked about connections without TLS. In `presence` whoever is known by a certificate is
        entered for as long as the connection."""
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        self._connections = connections
        self._limits = limits or Limits()
        self._recognise = recognise
        self._presence = presence or Presence()
        self._strangers = Strangers(self._limits.strangers, self._limits.strangers_per_address)
        self._server: asyncio.Server | None = None
        self._handshakes: Handshakes | None = None
        self._tls_server: asyncio.Server | None = None

    async def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Listen without TLS, and return the port. CubeError naming the address when it cannot be had.

        `shared`: leave the port to `open_tls` on all addresses; the kernel takes the one that is named more exactly.
        """
        await self._runner.setup()
        try:
            if shared and port:
                socket.create_server((host, port)).close()  # sharing would not tell: it is taken
            self._server = await asyncio.get_running_loop().create_server(
                partial(self._accept, self._recognise),
                host,
                port or (_free_everywhere() if shared else 0),
                backlog=BACKLOG,
                reuse_port=shared,
            )
        except OSError as error:
            await self._runner.cleanup()
            raise _not_had(host, port, error) from error
        return cast(int, self._server.sockets[0].getsockname()[1])

    async def open_tls(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext,
        recognise: Recognise,
        *,
        shared: bool = False,
    ) -> None:
        """Listen with TLS, too, where `recognise` is asked. After `open`; CubeError when the address cannot be had."""
        limits = self._limits
        self._handshakes = Handshakes(
            context,
            strangers=Strangers(limits.strangers, limits.strangers_per_address),
            seconds=limits.handshake_seconds,
            then=partial(self._accept, recognise),
        )
        try:
            self._tls_server = await asyncio.get_running_loop().create_server(
                self._handshakes.begin, host, port, backlog=BACKLOG, reuse_port=shared
            )
        except OSError as error:
            raise _not_had(host, port, error) from error

    def renew_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands with this context from now on. Connections that are open stay. After `open_tls`."""
        assert self._handshakes is not None
        self._handshakes.context = context

    def stop_accepting(self) -> None:
        """Take no more connections; those that are there stay."""
        for server in (self._server, self._tls_server):
            if server is not None:
                server.close()

    async def close(self) -> None:
        """Let answers under way end, for a short while, and close everything. Repeats safely."""
        self.stop_accepting()
        if self._handshakes is not None:
            await self._handshakes.close()
        await self._runner.cleanup()

    def _accept(self, recognise: Recognise) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= self._connections:
            return _TurnAway(self._connections)
        return Connection(
            server,
            recognise=recognise,
            presence=self._presence,
            strangers=self._strangers,
            head_seconds=self._limits.head_seconds,
            loop=asyncio.get_running_loop(),
            access_log=None,  # turns it off
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=LINE_BYTES,
            max_headers=HEADERS,
            auto_decompress=False,
        )


def _free_everywhere() -> int:
    """Return a port that is free on all addresses. One that is free on loopback may be a connection's elsewhere."""
    with socket.create_server(("", 0)) as probe:
        return cast(int, probe.getsockname()[1])


def _not_had(host: str, port: int, error: OSError) -> CubeError:
    return CubeError(
        f"port {port} on {host} is taken"
        if error.errno == errno.EADDRINUSE
        else f"cannot listen on {host}:{port}: {error.strerror}",
        hint="another manager may be running there; choose another port with --port",
    )


class Connection(RequestHandler):
    """aiohttp's, but that it knows who is there, waits for no head for ever, and tells of errors as problems."""

    __slots__ = (
        "_head_seconds",
        "_here",
        "_late",
        "_presence",
        "_recognise",
        "_strangers",
        "principal",
    )

    def __init__(
        self,
        server: web.Server,
        *,
        recognise: Recognise,
        presence: Presence,
        strangers: Strangers,
        head_seconds: float,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self._recognise = recognise
        self._presence = presence
        self._here = ExitStack()
        self._strangers = strangers
        self._head_seconds = head_seconds
        self._late: asyncio.TimerHandle | None = None
        self.principal: Principal | None = None
        """Who is proven by the connection itself; None: a stranger, or somebody with a token."""

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self._current_request is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who it is, and wait for the first head."""
        super().connection_made(transport)
        self.principal = self._recognise(transport)
        if self.principal is None:
            self._strangers.enter(self, str((transport.get_extra_info("peername") or ("",))[0]))
        elif self.principal.proof is Proof.CERTIFICATE:  # revoked, it is cut while it is idle, too
            self._here.enter_context(self._presence.enter(self.principal, self.drop))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read on. From the first byte of a head to its end there is a time."""
        super().data_received(data)
        if self._messages or self._current_request is not None or self._upgraded:
            self._head_came()
        elif data and self._late is None:
            self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        self._head_came()
        self._here.close()
        self._strangers.leave(self)
        super().connection_lost(exc)

    def known(self) -> None:
        """Count it no more among the strangers: a request of it came with a token that is on record."""
        self._strangers.leave(self)

    def drop(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()

    def _await_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._late = loop.call_later(self._head_seconds, self._too_late)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        message = f"the head of the request did not come within {self._head_seconds:g} s"
        if self.transport is not None:
            hang_up(self.transport, refused(HttpRefusal(HTTPStatus.REQUEST_TIMEOUT, message)))

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
        hang_up(cast(asyncio.Transport, transport), reply)


def hang_up(wire: asyncio.Transport, reply: Reply) -> None:
    """Say it to whoever has not asked yet, and close."""
    status = HTTPStatus(reply.status)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n"
    )
    wire.write(head.encode() + reply.body)
    wire.close()
