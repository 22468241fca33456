"""Named long-lived tasks that are started again when they fail, and ended together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from cube.aio.backoff import Backoff

log = logging.getLogger(__name__)


class Supervisor:
    """Owns tasks. Leaving the block cancels those that still run and waits for them.

    `spawn` is for work that ends; its failure is logged with its name and ends nothing else. `keep` is for loops:
    a loop that fails or returns is started again after a growing pause.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start work that ends by itself."""
        task = asyncio.create_task(self._guard(work, name), name=name)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            work.close()  # a task cancelled before its first step would leave it behind, never awaited

        task.add_done_callback(ended)
        return task

    def keep(self, loop: Callable[[], Awaitable[None]], name: str) -> asyncio.Task[None]:
        """Start a loop and keep it going until the supervisor closes."""
        return self.spawn(self._forever(loop, name), name)

    async def close(self) -> None:
        """Cancel everything and wait. Repeats safely."""
        self._closing = True
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("%s failed", name)

    async def _forever(self, loop: Callable[[], Awaitable[None]], name: str) -> None:
        pause = Backoff(0.1, 10.0)
        while not self._closing:
            began = asyncio.get_running_loop().time()
            try:
                await loop()
                log.warning("%s ended; starting it again", name)
            except Exception:
                log.exception("%s failed; starting it again", name)
            if asyncio.get_running_loop().time() - began > 60:
                pause.reset()
            await asyncio.sleep(pause.next())
