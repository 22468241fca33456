"""Connections before they speak TLS: so many of them and for so long, like all that strangers hold.

asyncio's own server of TLS lets any number of connections wait for a handshake, and shows all of them the certificate
that it was opened with.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import cast

from cube.aio.supervise import Supervisor
from cube.manager.strangers import Strangers

log = logging.getLogger(__name__)


class Handshakes:
    """Those that are under way. `context` is that of the ones to come, and may be changed at any time."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        strangers: Strangers,
        seconds: float,
        then: Callable[[], asyncio.Protocol],
    ) -> None:
        """`then` makes what serves a connection after its handshake, which must end within `seconds`."""
        self.context = context
        self._strangers = strangers
        self._seconds = seconds
        self._then = then
        self._under_way = Supervisor()

    def begin(self) -> asyncio.Protocol:
        """Return what a new connection is served by."""
        return _Handshake(self._strangers, self._start)

    async def close(self) -> None:
        """Break off those that are under way. Repeats safely."""
        await self._under_way.close()

    def _start(self, one: _Handshake, wire: asyncio.Transport) -> None:
        self._under_way.spawn(self._shake(one, wire), "handshake")

    async def _shake(self, one: _Handshake, wire: asyncio.Transport) -> None:
        try:
            # Nothing is waited for before: what arrives now is for TLS to read.
            tls = await asyncio.get_running_loop().start_tls(
                wire,
                one,
                self.context,
                server_side=True,
                ssl_handshake_timeout=self._seconds,
            )
        except OSError as error:
            log.debug("no handshake with %s: %s", wire.get_extra_info("peername"), error)
            return
        finally:
            self._strangers.leave(one)
        if tls is None:  # it was lost just then
            return
        served = self._then()
        tls.set_protocol(served)
        served.connection_made(tls)
        if one.early:
            served.data_received(bytes(one.early))


class _Handshake(asyncio.Protocol):
    """One connection. What it says with the end of its handshake is kept in `early` for whoever serves it."""

    idle = True  # of many the oldest makes room

    def __init__(
        self, strangers: Strangers, start: Callable[[_Handshake, asyncio.Transport], None]
    ) -> None:
        self._strangers = strangers
        self._start = start
        self._wire: asyncio.Transport | None = None
        self.early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        self._strangers.enter(self, str((transport.get_extra_info("peername") or ("",))[0]))
        self._start(self, self._wire)

    def data_received(self, data: bytes) -> None:
        self.early += data

    def drop(self) -> None:
        """End it now."""
        if self._wire is not None:
            self._wire.abort()
