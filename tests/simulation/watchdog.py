"""The watchdog of a machine: kills what is fenced once its time has passed, whatever became of the worker."""

from __future__ import annotations

from cube.model.allocation import Failure
from cube.model.container import Fence
from tests.simulation.engine import Engine, Outcome
from tests.simulation.schedule import Clock, Process, Schedule

NOTHING = Fence((), 0.0)
RETRY_SECONDS = 0.5


class Watchdog:
    """A process of its own, which the next worker finds as the last one left it."""

    def __init__(self, schedule: Schedule, clock: Clock, engine: Engine) -> None:
        self._process = Process(schedule, clock)
        self._engine = engine
        self.fence = NOTHING

    def guard(self, fence: Fence) -> None:
        """Guard this from now on, instead of what was before."""
        self.fence = fence
        process = self._process
        for id in fence.container_ids:
            due = process.clock.due(fence.kill_at)
            process.schedule.at(max(due, process.schedule.now), process.call, self._kill, id, fence)

    def die(self) -> None:
        """With its machine."""
        self._process.kill()

    def _kill(self, container_id: str, fence: Fence) -> None:
        if self.fence is not fence:
            return  # the deadline was moved

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Failure):
                self._process.after(RETRY_SECONDS, self._kill, container_id, fence)

        engine = self._engine
        engine.ask(self._process, lambda answer: answer(engine.kill(container_id)), told)
