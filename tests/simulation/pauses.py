"""The pauses between the runs of an allocation: no run is made before the one after the last end is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cube.core.worker.steps import Create
from cube.model.ids import AllocationId
from cube.model.spec import OnDisconnect
from tests.simulation.containers import Container

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.worker import Worker

FIRST, LONGEST = 0.05, 15.0  # the worker's 100 ms and 30 s, of which the upper half is drawn
STABLE = 59.0  # a run this long is no failure, by a clock that drifts
EXACT = 0.99  # of a pause: clocks drift, and the engine tells of an end by the millisecond


class _Ends:
    """What one worker process has seen end of one allocation: as much as it surely counts."""

    def __init__(self) -> None:
        self.count = 0
        self.at = 0.0
        self.wall = 0.0


class Pauses:
    """Notes when runs truly ended, and finds out a worker that goes on too soon."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}  # by container
        self._newest: dict[AllocationId, int] = {}  # the latest run that a worker wanted to make
        self._ends: dict[tuple[str, AllocationId], _Ends] = {}

    def began(self, container: Container, now: float) -> None:
        """A container was started."""
        self._began[container.id] = now

    def ended(self, host: Host, container: Container, now: float) -> None:
        """A container ended. What nobody was there to see is not counted, nor what may not have been a run's end."""
        worker, label = host.worker, container.label
        bound = label.spec.on_disconnect is OnDisconnect.STOP  # its end may be no failure
        late = label.restart < self._newest.get(label.allocation_id, 0)  # another run had its place
        if worker is None or not host.working or bound or late:
            return
        key = (worker.incarnation, label.allocation_id)
        if container.touched_by_hand or container.runs_begun > 1:
            self._ends.pop(key, None)  # its first end may be the one that is paused for
            return
        ends = self._ends.setdefault(key, _Ends())
        if now - self._began[container.id] >= STABLE:
            ends.count = 0
        ends.count += 1
        ends.at, ends.wall = now, host.clock.wall

    def too_soon(self, worker: Worker, step: Create, now: float) -> str:
        """Return by how much a run is made too soon, in words; empty when it is not."""
        self._newest[step.id] = max(step.restart, self._newest.get(step.id, 0))
        ends = self._ends.get((worker.incarnation, step.id))
        if ends is None or ends.wall != worker.process.clock.wall:
            return ""  # an engine's word for when a run ended is that of its wall clock
        pause = min(FIRST * 2.0 ** (ends.count - 1), LONGEST)
        waited = now - ends.at
        if waited >= pause * EXACT - 0.001:
            return ""
        return f"{waited:.3f} s after end {ends.count}, and not after {pause:.3f} s"
