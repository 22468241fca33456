"""The worker's loop: one input after another into the core, its consequences out to the shell, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cube.aio.clock import Clock
from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import Tick, WorkerInput
from cube.core.worker.steps import WorkerEffects


class Loop:
    """Gives inputs to the core in the order in which they come, and wakes it when it asked for that.

    Nothing in here waits: an order is at the engine's door in the turn in which it was heard.
    """

    def __init__(
        self,
        core: WorkerCore,
        clock: Clock,
        watch: Callable[[WorkerInput], None] | None = None,
    ) -> None:
        """`watch` sees every input, and changes nothing."""
        self._core = core
        self._watch = watch
        self._clock = clock
        self._carry_out: Callable[[WorkerEffects], None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None

    def begin(self, carry_out: Callable[[WorkerEffects], None]) -> None:
        """Carry out what the core asks for with this. To be called before the first input."""
        self._carry_out = carry_out

    def tell(self, input: WorkerInput) -> None:
        """Give the core one input and carry out what follows. After `close` it changes nothing."""
        if self._carry_out is None:
            return
        if self._watch is not None:
            self._watch(input)
        effects = self._core.handle(input, self._clock.now())
        self._carry_out(effects)
        self._set_alarm(effects.look_again_at)

    def close(self) -> None:
        """Take no more inputs."""
        self._carry_out = None
        self._set_alarm(None)

    def _set_alarm(self, at: float | None) -> None:
        if at == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, at
        if at is not None:
            pause = max(0.0, at - self._clock.now().monotonic)
            self._alarm = asyncio.get_running_loop().call_later(pause, self._wake)

    def _wake(self) -> None:
        self._alarm = self._alarm_at = None
        self.tell(Tick())
