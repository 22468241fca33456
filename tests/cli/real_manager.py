"""A manager in a thread of its own: what commands do with a real one, without a process for each of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from cube.manager.app import Manager
from cube.manager.recognition import user_of_this_machine
from cube.security.principal import Principal
from cube.settings import ManagerSettings

DEADLINE = 20.0


class RealManager:
    """Enter it to serve. It knows root, as on every machine, but for the block of `knowing_nobody`."""

    def __init__(self, data: Path) -> None:
        self._settings = ManagerSettings(port=0, data=data)
        self._knows = True
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(DEADLINE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(DEADLINE)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def knowing_nobody(self) -> Iterator[None]:
        """New connections are those of another Unix user, who needs a token."""
        self._knows = False
        try:
            yield
        finally:
            self._knows = True

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        manager = Manager(self._settings, recognise=self._recognise)
        await manager.start()
        try:
            self.port = manager.port
            self._ready.set()
            await self._end.wait()
        finally:
            await manager.stop()

    def _recognise(self, transport: asyncio.BaseTransport) -> Principal | None:
        return user_of_this_machine(transport) if self._knows else None
