"""What this worker's containers use, read from the engine when the manager asks, and at no other time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cube.aio.supervise import Supervisor
from cube.core.worker.core import WorkerCore
from cube.model.allocation import Wanted
from cube.model.container import ContainerState
from cube.model.ids import AllocationId
from cube.model.usage import AllocationUsage, Consumption, cpu_millis
from cube.runtime.contract import Runtime, RuntimeFailure
from cube.wire.messages import FromWorker, Sample, Sampled
from cube.worker.session import SessionEnded

AT_ONCE = 8  # readings; an engine is bound by cpu
SAMPLE_SECONDS = 2.5  # what has not been read then is left out: the manager waits for 3
FIRST_LOOK_SECONDS = (
    0.25  # between the two readings that a rate takes when nobody has looked lately
)
STALE_NS = 15_000_000_000  # a rate over longer would tell of the past


class Sampler:
    """Reads what runs. Keeps the last reading of each container, so that who looks again need not wait for two."""

    def __init__(
        self,
        *,
        core: WorkerCore,
        runtime: Runtime,
        supervisor: Supervisor,
        send: Callable[[FromWorker], Awaitable[None]],
    ) -> None:
        self._core = core
        self._runtime = runtime
        self._supervisor = supervisor
        self._send = send
        self._last: dict[str, Consumption] = {}
        self._busy = False

    def sample(self, wanted: Sample) -> None:
        """Answer soon. While one answer is being made, another wish gets none: the manager asks one at a time."""
        if not self._busy:
            self._busy = True
            self._supervisor.spawn(self._answer(wanted), f"sample {wanted.number}")

    async def _answer(self, wanted: Sample) -> None:
        try:
            found = await self.read()
            await self._send(Sampled(number=wanted.number, allocations=tuple(found)))
        except SessionEnded:
            pass  # nobody is there to be told
        finally:
            self._busy = False

    async def read(self) -> list[AllocationUsage]:
        """Return what each container that runs uses, as far as the engine tells in time."""
        running = self._running()
        self._last = {id: last for id, last in self._last.items() if id in running.values()}
        found: dict[AllocationId, AllocationUsage] = {}
        try:
            async with asyncio.timeout(SAMPLE_SECONDS):
                fresh = await self._read_all(running, found)
                if fresh:
                    await asyncio.sleep(FIRST_LOOK_SECONDS)
                    await self._read_all(fresh, found)
        except TimeoutError:
            pass
        return list(found.values())

    def _running(self) -> dict[AllocationId, str]:
        return {
            one.id: one.current.id
            for one in self._core.workloads()
            if one.current is not None
            and one.current.state is ContainerState.RUNNING
            and one.wanted is not Wanted.REMOVE
        }

    async def _read_all(
        self, running: dict[AllocationId, str], found: dict[AllocationId, AllocationUsage]
    ) -> dict[AllocationId, str]:
        """Read these into `found`; return those that have no reading to compare with."""
        room = asyncio.Semaphore(AT_ONCE)
        alone: dict[AllocationId, str] = {}

        async def one(id: AllocationId, container_id: str) -> None:
            async with room:
                now = await self._consumption(container_id)
            if now is None:
                return
            before = self._last.get(container_id)
            self._last[container_id] = now
            if before is None or now.at_ns - before.at_ns > STALE_NS:
                before = None
                alone[id] = container_id
            found[id] = AllocationUsage(
                id=id,
                cpu_millis=cpu_millis(before, now) if before else 0,
                memory_bytes=now.memory_bytes,
                memory_limit_bytes=now.memory_limit_bytes,
            )

        await asyncio.gather(*(one(id, container_id) for id, container_id in running.items()))
        return alone

    async def _consumption(self, container_id: str) -> Consumption | None:
        try:
            return await self._runtime.consumption(container_id)
        except RuntimeFailure:
            return None
