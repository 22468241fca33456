"""Watches the engine: all containers now and then, one container when something happened to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from cube.aio.backoff import Backoff
from cube.aio.clock import Clock
from cube.aio.supervise import Supervisor
from cube.aio.wakeup import Wakeup
from cube.core.worker.inputs import Looked, Saw, WorkerInput
from cube.runtime.contract import ContainerEvent, EngineFacts, Resync, Runtime, RuntimeFailure

log = logging.getLogger(__name__)

WORTH_A_LOOK = frozenset({"die", "start", "destroy", "pause", "unpause"})
PARALLEL_LOOKS = 8  # when everything dies at once, the engine has better things to do
AWAY_FIRST, AWAY_LONGEST = 0.5, 5.0
FIRST_LOOK_SECONDS = 3.0  # an engine slower than this at the start is told to the manager as away
LATE_SECONDS = 4.0  # with the pause between two looks, a hung engine is told within 15 s
NO_ANSWER = "the engine does not answer"


class EngineWatch:
    """Keeps the core's view of the engine true, and knows whether the engine answers at all."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        clock: Clock,
        supervisor: Supervisor,
        full_comparison: float,
        answered_by_step: Callable[[ContainerEvent], bool],
        tell: Callable[[WorkerInput], None],
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._supervisor = supervisor
        self._full_comparison = full_comparison
        self._answered_by_step = answered_by_step
        self._tell = tell
        self._changed = changed
        self._compare = Wakeup()
        self._looks = asyncio.Semaphore(PARALLEL_LOOKS)
        self._looking: dict[str, bool] = {}  # container -> whether it changed again meanwhile
        self.facts: EngineFacts | None = None
        self.error = "the engine was not asked yet"

    def compare_now(self) -> None:
        """Compare everything soon."""
        self._compare.set()

    async def first_look(self) -> None:
        """Look before the manager is told anything, if the engine answers soon enough."""
        try:
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._look_at_all()
        except TimeoutError:
            self._note(NO_ANSWER)

    async def compare_loop(self) -> NoReturn:
        """Compare everything every now and then, and whenever events may have been lost."""
        away = Backoff(AWAY_FIRST, AWAY_LONGEST)
        while True:
            if self.error:
                await asyncio.sleep(away.next())
            else:
                away.reset()
                await self._compare.wait(self._full_comparison)
            await self._look_at_all()

    async def event_loop(self) -> None:
        """Follow the engine's events. The runtime keeps the stream alive; ending here would be its fault."""
        async for event in self._runtime.events():
            if isinstance(event, Resync):
                self.compare_now()
            elif event.action in WORTH_A_LOOK and self._says_more(event):
                self._look_at(event.container_id)

    def _says_more(self, event: ContainerEvent) -> bool:
        """Whether it tells what no step does. During a look, which may be older than the event, it always does."""
        return event.container_id in self._looking or not self._answered_by_step(event)

    async def _look_at_all(self) -> None:
        began = self._clock.now().monotonic
        # Told long before the look is given up: an engine that is only busy is still waited for.
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._note, NO_ANSWER)
        try:
            facts = self.facts or await self._runtime.facts()
            containers = await self._runtime.containers()
        except RuntimeFailure as failure:
            self._note(failure.message)
            return
        finally:
            late.cancel()
        self.facts = facts
        # First the containers: whoever hears that the engine is back then finds what is held complete.
        self._tell(Looked(tuple(containers), began))
        self._note("")

    def _note(self, error: str) -> None:
        if error == self.error:
            return
        log.log(logging.WARNING if error else logging.INFO, "engine: %s", error or "answers")
        if error:
            self.facts = None  # it may come back as another version
        self.error = error
        self._changed()

    def _look_at(self, container_id: str) -> None:
        if container_id in self._looking:
            self._looking[container_id] = True
            return
        self._looking[container_id] = False
        self._supervisor.spawn(self._inspect(container_id), f"look at {container_id[:12]}")

    async def _inspect(self, container_id: str) -> None:
        again = True
        try:
            while again:
                self._looking[container_id] = False
                async with self._looks:
                    began = self._clock.now().monotonic
                    seen = await self._runtime.inspect(container_id)
                self._tell(Saw(container_id, seen, began))
                again = self._looking[container_id]
        except RuntimeFailure as failure:
            log.info("container %s cannot be looked at: %s", container_id[:12], failure.message)
            self._compare.set()
        finally:
            del self._looking[container_id]
