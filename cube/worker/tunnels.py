"""Does in a container what a user asked for through the manager, over a connection of its own for each.

The tunnel is the user: when it goes, what it started goes too.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable

import aiohttp

from cube.aio.supervise import Supervisor
from cube.client.channel import Channel, dial
from cube.core.worker.core import WorkerCore
from cube.errors import PeerFault
from cube.model.ids import slot_name, split_allocation_id
from cube.runtime.contract import Inside, Runtime, RuntimeFailure
from cube.wire import routes
from cube.wire.messages import FromWorker, OpenTunnel, StreamRefused
from cube.wire.tunnels import (
    Exec,
    Failed,
    FromUser,
    ReadArchive,
    Stat,
    Wish,
    WriteArchive,
    decode_from_user,
    window_of,
)
from cube.worker.copies import receive_archive, send_archive, tell_path
from cube.worker.execs import serve_exec
from cube.worker.session import SessionEnded

log = logging.getLogger(__name__)


class Tunnels:
    """The tunnels that end here now, at most `limit` of them."""

    def __init__(
        self,
        *,
        manager_url: str,
        node: str,
        core: WorkerCore,
        runtime: Runtime,
        supervisor: Supervisor,
        limit: int,
        send: Callable[[FromWorker], Awaitable[None]],
        tls: Callable[[], ssl.SSLContext | bool] = lambda: True,
    ) -> None:
        self._manager_url = manager_url
        self._tls = tls
        self._node = node
        self._core = core
        self._runtime = runtime
        self._supervisor = supervisor
        self._limit = limit
        self._send = send
        self._open = 0

    def __len__(self) -> int:
        return self._open

    def open(self, wanted: OpenTunnel) -> None:
        """Dial and do it, or tell the manager why not."""
        container_id, reason = self._container_of(wanted)
        if reason:
            self._supervisor.spawn(self._refuse(wanted, reason), f"refusal {wanted.tunnel_id}")
        else:
            self._open += 1
            self._supervisor.spawn(self._carry(wanted, container_id), f"tunnel {wanted.tunnel_id}")

    def _container_of(self, wanted: OpenTunnel) -> tuple[str, str]:
        if self._open >= self._limit:
            return "", f"{self._limit} commands and copies are under way already on {self._node}"
        workload = self._core.get(wanted.id)
        if workload is None or workload.current is None or not workload.runs:
            task_id, slot, _ = split_allocation_id(wanted.id)
            spec = workload.spec if workload else None
            return "", f"{slot_name(spec.name if spec else task_id, slot)} does not run just now"
        return workload.current.id, ""

    async def _refuse(self, wanted: OpenTunnel, reason: str) -> None:
        try:
            await self._send(StreamRefused(stream_id=wanted.tunnel_id, reason=reason))
        except SessionEnded:
            log.debug("tunnel %s: the session ended before the refusal", wanted.tunnel_id)

    async def _carry(self, wanted: OpenTunnel, container_id: str) -> None:
        url = self._manager_url + routes.TUNNEL.format(tunnel_id=wanted.tunnel_id)
        try:
            async with dial(url, tls=self._tls()) as socket:
                channel = Channel(socket, decode_from_user, window_of(wanted.wish))
                try:
                    await serve(channel, await self._runtime.inside(container_id), wanted.wish)
                except RuntimeFailure as failure:
                    await channel.send(Failed(failure.kind, failure.message))
        except (aiohttp.ClientError, OSError, TimeoutError, PeerFault) as error:
            # The user went away: the usual end of a command that does not end by itself.
            log.debug("tunnel %s ended: %r", wanted.tunnel_id, error)
        finally:
            self._open -= 1


async def serve(channel: Channel[FromUser], inside: Inside, wish: Wish) -> None:
    """Do what is wanted and tell its end through the channel. RuntimeFailure when it cannot be done."""
    match wish:
        case Exec():
            await serve_exec(channel, inside, wish)
        case Stat(path=path):
            await tell_path(channel, inside, path)
        case ReadArchive(path=path):
            await send_archive(channel, inside, path)
        case WriteArchive(path=path):
            await receive_archive(channel, inside, path)
