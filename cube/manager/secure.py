"""The manager's side of TLS put together: authority, membership, rotation, and the certificate that it shows."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from cube.aio.clock import Clock
from cube.aio.supervise import Supervisor
from cube.manager.decider import Decider
from cube.manager.listener import Listener
from cube.manager.membership import Membership, Record
from cube.manager.names import WILDCARDS, names_of
from cube.manager.presence import Presence
from cube.manager.rotation import Rotation
from cube.manager.session import Sessions
from cube.model.ids import NodeId
from cube.security.authority import Authority
from cube.security.certificates import era_of, principal_of, worker_principal
from cube.security.principal import Principal
from cube.security.tls import server_context, small_buffers
from cube.settings import ManagerSettings

log = logging.getLogger(__name__)


class Secure:
    """What a manager that others reach has beside one for its own machine."""

    def __init__(
        self,
        settings: ManagerSettings,
        authority: Authority,
        membership: Membership,
        sessions: Sessions,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self.authority = authority
        self.membership = membership
        self.rotation = Rotation(authority, membership, sessions, clock, self.show_certificate)
        self._settings = settings
        self._life = timedelta(seconds=settings.certificate_life)
        self._clock = clock
        self._listener = listener
        self._showing = asyncio.Lock()  # one file, and who comes last shows what is so by then
        self.port = 0

    @classmethod
    async def open(
        cls,
        settings: ManagerSettings,
        record: Record,
        decider: Decider,
        sessions: Sessions,
        presence: Presence,
        clock: Clock,
        listener: Listener,
    ) -> Secure:
        """Read the authority, or make it, and know who has joined. Listens on nothing yet."""

        def cut(node_id: NodeId) -> None:
            if (session := sessions.of(node_id)) is not None:
                session.close("the certificate of its worker was revoked")
            presence.cut(worker_principal(node_id).key)

        cluster_id = decider.core.cluster.id
        authority = await asyncio.to_thread(
            Authority, settings.data / "ca", cluster_id, clock.now().wall_ms
        )
        membership = Membership(
            authority,
            cluster_id,
            record,
            clock,
            timedelta(seconds=settings.certificate_life),
            lambda: decider.core.cluster.nodes.keys(),
            cut,
        )
        await membership.load()
        return cls(settings, authority, membership, sessions, clock, listener)

    @property
    def names(self) -> list[str]:
        """Return what the operator said that the manager is called: nothing that a client asked for."""
        return names_of(self._settings)

    @property
    def address(self) -> str:
        """Where workers dial, as HOST:PORT."""
        name = self.names[0]
        return f"[{name}]:{self.port}" if ":" in name else f"{name}:{self.port}"

    def keep(self, supervisor: Supervisor) -> None:
        """Start what goes on for as long as the manager runs. After `listen`."""
        supervisor.keep(self.rotation.run, "rotation of the root")
        supervisor.keep(self.renew_loop, "the manager's certificate")

    async def listen(self, port: int) -> None:
        """Serve TLS on the settings' address. CubeError when it cannot be had."""
        small_buffers()
        self.port = port
        own = await self._certificate()
        context = server_context(own, self.authority.bundle)
        shared = self._settings.host in WILDCARDS
        await self._listener.open_tls(
            self._settings.host, port, context, self.recognise, shared=shared
        )

    async def show_certificate(self) -> None:
        """Show new connections a new certificate, and trust the roots there are now. Those that are open stay."""
        async with self._showing:
            own = await self._certificate()
            self._listener.renew_tls(server_context(own, self.authority.bundle))

    async def renew_loop(self) -> NoReturn:
        """Renew the manager's own certificate from a third of its life."""
        while True:
            await asyncio.sleep(self._life.total_seconds() / 3)
            await self.show_certificate()
            log.info("the manager's certificate is renewed")

    def recognise(self, transport: asyncio.BaseTransport) -> Principal | None:
        """Return the worker whose certificate the connection showed; None for others, and where it was revoked.

        Once, as the connection is made: whoever is revoked later is cut.
        """
        shown: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        principal = principal_of(shown) if shown is not None else None
        if shown is None or principal is None or principal.node_id is None:
            return None
        denied = self.membership.denies(principal.node_id, era_of(shown))
        return None if denied else principal

    async def _certificate(self) -> Path:
        now_ms = self._clock.now().wall_ms
        return await asyncio.to_thread(self.authority.issue_manager, self.names, now_ms, self._life)
