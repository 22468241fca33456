"""One container as it truly is, and as the engine shows it."""

from __future__ import annotations

from typing import NamedTuple

from cube.model.allocation import Exit
from cube.model.container import ContainerSeen, ContainerState, RunLabel


class Nature(NamedTuple):
    """How a container behaves."""

    stubborn: bool = False  # ignores SIGTERM


class Container:
    """A container, its state and its past."""

    def __init__(self, id: str, label: RunLabel, nature: Nature) -> None:
        self.id = id
        self.label = label
        self.nature = nature
        self.state = ContainerState.CREATED
        self.exit: Exit | None = None
        self.started_ms = 0
        self.finished_ms = 0
        self.runs_begun = 0
        self.stuck = False  # cannot be killed now
        self.ill = False  # fails its probes
        self.fenced = False  # killed by the watchdog
        self.touched_by_hand = False  # started by somebody else than cube
        self.excused = False  # may run beside another: nobody was there to stop it
        self._seen: ContainerSeen | None = None

    @property
    def runs(self) -> bool:
        """Whether its processes exist."""
        return self.state in (ContainerState.RUNNING, ContainerState.PAUSED)

    @property
    def paused(self) -> bool:
        """Whether its processes are frozen."""
        return self.state is ContainerState.PAUSED

    @property
    def seen(self) -> ContainerSeen:
        """What the engine shows of it."""
        if self._seen is None:
            self._seen = ContainerSeen(
                id=self.id,
                label=self.label,
                state=self.state,
                address="172.17.0.2" if self.runs else "",
                exit=self.exit,
                started_ms=self.started_ms,
                finished_ms=self.finished_ms,
                fenced=self.fenced,
            )
        return self._seen

    def begin(self, wall_ms: int) -> None:
        """Start running."""
        self.runs_begun += 1
        self.started_ms = wall_ms
        self.ill = False
        self._become(ContainerState.RUNNING, None)

    def end(self, how: Exit, wall_ms: int) -> None:
        """Stop running."""
        self.finished_ms = wall_ms
        self._become(ContainerState.EXITED, how)

    def pause(self) -> None:
        """Freeze."""
        self._become(ContainerState.PAUSED, None)

    def resume(self) -> None:
        """Thaw."""
        self._become(ContainerState.RUNNING, None)

    def _become(self, state: ContainerState, how: Exit | None) -> None:
        self.state = state
        self.exit = how
        self._seen = None
