"""A manager that other machines reach, and those others: joining, and asking over TLS."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cube.manager.app import Manager
from cube.model.ids import NodeId
from cube.security.join import JoinSecret, read_token
from cube.security.tls import client_context
from cube.settings import Limits, ManagerSettings
from cube.wire.routes import JOIN_TOKENS
from cube.worker.credentials import Credentials
from cube.worker.joining import join
from tests.manager.conftest import Api, client_of

OUTSIDE = "127.0.0.2"  # the manager's loopback address is 127.0.0.1: all others get TLS


class Reached:
    """A manager that others reach, and those others."""

    def __init__(self, manager: Manager, api: Api, data: Path) -> None:
        assert manager.secure is not None
        self.manager, self.api, self._data = manager, api, data
        self.secure = manager.secure
        self.base = f"https://{OUTSIDE}:{manager.port}"

    async def token(self, **wish: Any) -> JoinSecret:
        """A new join token."""
        status, made, _ = await self.api.ask("POST", JOIN_TOKENS, json=wish)
        assert status == 201, made
        return read_token(made["token"])

    def credentials(self, node_id: NodeId) -> Credentials:
        """Where the worker keeps what it joined with."""
        return Credentials(self._data / node_id)

    async def join(
        self, node_id: NodeId, token: JoinSecret | None = None, port: int = 0
    ) -> Credentials:
        """Join as that node, by the code that workers use."""
        kept = self.credentials(node_id)
        secret = token or await self.token()
        where = (OUTSIDE, port or self.manager.port)
        await asyncio.to_thread(join, kept, *where, secret, node_id, time.time)
        return kept

    async def ask(
        self, method: str, path: str, context: ssl.SSLContext, **options: Any
    ) -> tuple[int, Any]:
        """Ask over TLS; return status and body."""
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.base + path, ssl=context, **options) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    def stranger(self) -> ssl.SSLContext:
        """One who trusts the manager and shows nothing."""
        return client_context(self.secure.authority.bundle)


@asynccontextmanager
async def reached_manager(data: Path) -> AsyncIterator[Reached]:
    """Serve from this directory for as long as the block; what was there before is known still."""
    settings = ManagerSettings(
        host="0.0.0.0",
        advertise=(OUTSIDE,),
        port=0,
        data=data / "manager",
        limits=Limits(joins_per_minute=100),
    )
    manager = Manager(settings)
    await manager.start()
    try:
        async with client_of(manager) as api:
            yield Reached(manager, api, data)
    finally:
        await manager.stop()
