"""A worker's watch over its engine, after `cube.worker.watch`: all containers now and then, one when it changed."""

from __future__ import annotations

from collections.abc import Callable

from cube.aio.backoff import Backoff
from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import Looked, Saw, WorkerInput
from cube.core.worker.steps import Start
from cube.model.allocation import Failure
from cube.model.ids import NodeId
from cube.worker.watch import AWAY_FIRST, AWAY_LONGEST, FIRST_LOOK_SECONDS, WORTH_A_LOOK
from tests.simulation.engine import Engine, Outcome, Watcher
from tests.simulation.schedule import Process


class Watch:
    """Keeps the core's view of the engine true, and knows whether the engine answers at all."""

    def __init__(
        self,
        process: Process,
        engine: Engine,
        node_id: NodeId,
        core: WorkerCore,
        *,
        full_comparison: float,
        tell: Callable[[WorkerInput], None],
        changed: Callable[[], None],
        ready: Callable[[], None],
        draw: Callable[[], float],
    ) -> None:
        self._process = process
        self._engine = engine
        self._node_id = node_id
        self._core = core
        self._full_comparison = full_comparison
        self._tell = tell
        self._changed = changed
        self._ready = ready  # the first look is over: the loops begin
        self._away = Backoff(AWAY_FIRST, AWAY_LONGEST, draw)
        self._begun = False
        self._looking = False
        self._wanted = False  # another look is asked for while one is under way
        self._turn = 0  # of the rest between two looks
        self._inspected: dict[str, bool] = {}
        self.error = "the engine was not asked yet"

    def begin(self) -> None:
        """Look once, for so long as that is no hindrance; then follow the engine."""
        self._process.after(FIRST_LOOK_SECONDS, self._go_on, "the engine does not answer")
        self._look(first=True)

    def _go_on(self, error: str) -> None:
        if not self._begun:
            self._begun = True
            self._looking = False
            self._note(error)
            self._engine.watch(Watcher(self._process, self._node_id, self._hear))
            self._rest()
            self._ready()

    # -- all containers -----------------------------------------------------------------------------------------

    def compare_now(self) -> None:
        """Compare everything soon."""
        self._wanted = True
        if self._begun and not self._looking and not self.error:
            self._look()

    def _rest(self) -> None:
        self._turn += 1
        if self.error:
            seconds = self._away.next()
        else:
            self._away.reset()
            seconds = 0.0 if self._wanted else self._full_comparison
        self._process.after(seconds, self._rested, self._turn)

    def _rested(self, turn: int) -> None:
        if turn == self._turn and not self._looking:
            self._look()

    def _look(self, *, first: bool = False) -> None:
        self._looking = True
        if not self.error:
            self._wanted = False
        began = self._process.clock.monotonic()
        self._engine.ask(
            self._process,
            lambda answer: answer(self._engine.look(self._node_id)),
            lambda outcome: self._looked(outcome, began, first),
            changes=False,
        )

    def _looked(self, outcome: Outcome, began: float, first: bool) -> None:
        if first and self._begun:
            return None  # it was given up
        self._looking = False
        if isinstance(outcome, Failure):
            error = outcome.message
        else:
            assert isinstance(outcome, tuple)
            self._tell(Looked(outcome, began))
            error = ""
        if first:
            return self._go_on(error)
        self._note(error)
        self._rest()

    def _note(self, error: str) -> None:
        if error != self.error:
            self.error = error
            self._changed()

    # -- one container ------------------------------------------------------------------------------------------

    def _hear(self, container_id: str, action: str) -> None:
        if action == "resync":
            self.compare_now()
        elif action in WORTH_A_LOOK and not self._answered_by_step(container_id, action):
            self._look_at(container_id)

    def _answered_by_step(self, container_id: str, action: str) -> bool:
        step = self._core.step_on(container_id)
        return step is not None and (action == "start") is isinstance(step, Start)

    def _look_at(self, container_id: str) -> None:
        if container_id in self._inspected:
            self._inspected[container_id] = True
        else:
            self._inspect(container_id)

    def _inspect(self, container_id: str) -> None:
        self._inspected[container_id] = False
        began = self._process.clock.monotonic()
        self._engine.ask(
            self._process,
            lambda answer: answer(self._engine.inspect(container_id, self._node_id)),
            lambda outcome: self._inspection(container_id, outcome, began),
            changes=False,
        )

    def _inspection(self, container_id: str, outcome: Outcome, began: float) -> None:
        again = self._inspected.pop(container_id)
        if isinstance(outcome, Failure):
            return self.compare_now()
        assert not isinstance(outcome, tuple)
        self._tell(Saw(container_id, outcome, began))
        if again:
            self._look_at(container_id)
