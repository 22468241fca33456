"""A manager on a port of its own with a ledger of its own, and clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cube.manager.app import Manager
from cube.settings import ManagerSettings
from tests.manager.fake_worker import FakeWorker


class Api:
    """What curl would be on a command line."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.session = session

    async def ask(
        self, method: str, path: str, json: Any = None, **options: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Send a request; return status, decoded body and the answer itself."""
        async with self.session.request(method, self.base + path, json=json, **options) as answer:
            body = await answer.json(content_type=None) if await answer.read() else None
            return answer.status, body, answer

    async def get(self, path: str, **options: Any) -> Any:
        """Return the body of a GET that must succeed."""
        status, body, _ = await self.ask("GET", path, **options)
        assert status == 200, body
        return body

    async def submit(self, **spec: Any) -> Any:
        """Create a task and return its view."""
        status, body, _ = await self.ask("POST", "/task", json={"image": "busybox"} | spec)
        assert status == 201, body
        return body

    def worker(self, name: str = "w1", **hello: Any) -> FakeWorker:
        """Return a worker that will dial this manager."""
        return FakeWorker(self.base, name, **hello)


@pytest.fixture
def settings(tmp_path: Path) -> ManagerSettings:
    """Settings that a test may replace."""
    return ManagerSettings(port=0, data=tmp_path / "manager")


@asynccontextmanager
async def running(settings: ManagerSettings) -> AsyncIterator[Api]:
    """A client of a manager that runs for as long as the block."""
    one = Manager(settings)
    await one.start()
    try:
        async with client_of(one) as api:
            yield api
    finally:
        await one.stop()


@asynccontextmanager
async def client_of(manager: Manager) -> AsyncIterator[Api]:
    """A client of a manager that somebody else starts and stops."""
    async with aiohttp.ClientSession() as session:
        yield Api(f"http://127.0.0.1:{manager.port}", session)


@pytest.fixture
async def manager(settings: ManagerSettings) -> AsyncIterator[Manager]:
    """A running manager."""
    one = Manager(settings)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def api(manager: Manager) -> AsyncIterator[Api]:
    """A client of that manager."""
    async with client_of(manager) as client:
        yield client


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Return when it is true."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.01)
