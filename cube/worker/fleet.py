"""Many workers in one process, each a node of its own: simulated machines, whose engines live in the process too."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

from cube.aio.supervise import Supervisor
from cube.worker.app import Worker

DIALLING_AT_ONCE = 50  # a thousand that dial at once would outwait each other
_GC_THRESHOLD = (50_000, 20, 100)  # a million small objects stay, and few cycles are left behind


class Fleet:
    """Starts and stops workers together. One is started as soon as few of those before it are still dialling."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._room = asyncio.Semaphore(DIALLING_AT_ONCE)
        self._supervisor = Supervisor()

    async def start(self) -> None:
        """Begin to start them; waits for no manager. The process is taken to be the fleet's, its collector too."""
        gc.set_threshold(*_GC_THRESHOLD)
        for worker in self._workers:
            self._supervisor.spawn(self._join(worker), "start of a worker")

    async def stop(self) -> None:
        """Stop all. Containers of simulated engines end with the process."""
        await self._supervisor.close()
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _join(self, worker: Worker) -> None:
        async with self._room:
            await worker.start()
            await worker.joined.wait()
