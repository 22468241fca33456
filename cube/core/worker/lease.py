"""The worker's lease: how long the manager surely has not given this worker up, and what must stop before that ends.

Counted from when the confirmed message was *sent*, so it ends here before it ends at the manager.
"""

from __future__ import annotations

from cube.core.worker.workload import Workload
from cube.model.spec import OnDisconnect


class Lease:
    """A duration that is renewed. Half of it is kept for stopping what must not outlive it."""

    def __init__(self, seconds: float, counted_from: float | None = None) -> None:
        self._seconds = seconds
        self._counted_from = counted_from

    def begin(self, now: float) -> None:
        """Count from now, if nothing was ever sent: what the process before had sent is not known."""
        if self._counted_from is None:
            self._counted_from = now

    def renew(self, sent_at: float, seconds: float = 0.0) -> None:
        """Count from `sent_at`, if that is later than what is counted from; for so long from now on, unless 0."""
        self._seconds = seconds or self._seconds
        self._counted_from = max(sent_at, self._counted_from or sent_at)

    @property
    def halt_at(self) -> float:
        """When to begin to stop what must not outlive the lease."""
        assert self._counted_from is not None
        return self._counted_from + self._seconds / 2

    @property
    def grace_ms(self) -> int:
        """The longest grace of such a stop; as much again is left for the engine to be slow."""
        return round(self._seconds * 1000 / 4)

    def allows(self, workload: Workload, now: float) -> bool:
        """Whether the workload may be started now."""
        return not bound(workload) or now < self.halt_at

    def end(self, workload: Workload, now: float) -> None:
        """Take back the leave to run if it has run out: the manager may have given the work to another since.

        A new session does not bring it back, but the order that follows.
        """
        if not self.allows(workload, now) and not workload.removing:
            self.apply(workload, now)
            workload.wanted = None
            workload.unstarted = not workload.runs

    def apply(self, workload: Workload, now: float) -> None:
        """Mark a running workload that must stop now, or one whose halt was called off and did not happen."""
        if not workload.runs or workload.unhealthy is not None:
            return
        if not self.allows(workload, now):
            workload.halted, workload.resume = True, False
        elif workload.resume and workload.step is None:
            workload.call_off_halt()


def bound(workload: Workload) -> bool:
    """Whether the workload must not outlive the lease."""
    return workload.spec is not None and workload.spec.on_disconnect is OnDisconnect.STOP
