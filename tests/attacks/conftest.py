"""A manager that recognises nobody by the connection alone, as another Unix user meets it, and one that knows root."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cube.manager.app import Manager
from cube.manager.recognition import Recognise, user_of_this_machine
from cube.model.role import Role
from cube.security.principal import Principal
from cube.settings import Limits, ManagerSettings

DEADLINE = 10.0


class Target:
    """A manager under attack. Whom it recognises by the connection can be changed while it runs."""

    def __init__(self, settings: ManagerSettings) -> None:
        self.settings = settings
        self.recognises: Recognise = user_of_this_machine
        self.manager = Manager(settings, recognise=self._recognise)
        self.session: aiohttp.ClientSession = None  # type: ignore[assignment]

    def _recognise(self, transport: asyncio.BaseTransport) -> Principal | None:
        return self.recognises(transport)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.manager.port}"

    async def ask(
        self, method: str, path: str, *, token: str = "", headers: Any = None, **options: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Send one request on a connection of its own; return status, decoded body and the answer."""
        headers = {"Connection": "close", **(headers or {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.session.request(
            method, self.base + path, headers=headers, **options
        ) as answer:
            text = await answer.read()
            body = await answer.json(content_type=None) if text[:1] in (b"{", b"[") else None
            return answer.status, body, answer

    async def token(self, role: Role, **more: Any) -> str:
        """Make a token as root does."""
        body = {"name": f"a-{role}", "role": role, **more}
        status, made, _ = await self.as_root("POST", "/token", json=body)
        assert status == 201, made
        return str(made["token"])

    async def as_root(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        """Ask as somebody who is recognised."""
        before, self.recognises = self.recognises, user_of_this_machine
        try:
            return await self.ask(method, path, **options)
        finally:
            self.recognises = before

    async def raw(self, data: bytes, *, close: bool = True) -> bytes:
        """Send bytes as they are, and return all that comes back until the manager hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.manager.port)
        try:
            writer.write(data)
            async with asyncio.timeout(DEADLINE):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def under_attack(settings: ManagerSettings) -> AsyncIterator[Target]:
    """A target for as long as the block."""
    target = Target(settings)
    await target.manager.start()
    try:
        async with aiohttp.ClientSession() as target.session:
            yield target
    finally:
        await target.manager.stop()


@pytest.fixture
def settings(tmp_path: Path) -> ManagerSettings:
    """Settings that a test may replace."""
    return ManagerSettings(port=0, data=tmp_path / "manager", limits=Limits(head_seconds=0.3))


@pytest.fixture
async def known(settings: ManagerSettings) -> AsyncIterator[Target]:
    """A manager that recognises root, as on every machine."""
    async with under_attack(settings) as target:
        yield target


@pytest.fixture
async def target(known: Target) -> Target:
    """The same, met by a user whom it does not know."""
    known.recognises = lambda transport: None
    return known
