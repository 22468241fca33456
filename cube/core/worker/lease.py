"""The worker's lease: how long the manager surely has not given this worker up, and what must stop before that ends.

Counted from when the confirmed message was *sent*, so it ends here before it ends at the manager.
"""

from __future__ import annotations

from cube.core.worker.workload import Workload
from cube.model.spec import OnDisconnect

# Shares of the lease.
HALT_SHARE = 1 / 2  # from then on what must not outlive it is stopped in an orderly way
GRACE_SHARE = 1 / 4  # the longest grace of such a stop: the engine kills at three quarters
KILL_SHARE = 4 / 5  # the watchdog kills; the engine has the last fifth to do it


class Lease:
    """A duration that is renewed. Its second half is kept for stopping what must not outlive it."""

    def __init__(self, seconds: float, counted_from: float | None = None) -> None:
        self._seconds = seconds
        self._counted_from = counted_from
        self._inherited = False

    def begin(self, now: float) -> None:
        """Count from now, if nothing was ever sent: what the process before had sent is not known."""
        if self._counted_from is None:
            self._counted_from = now

    def inherit(self, kill_at: float) -> None:
        """Count so that it ends as the one that the process before had, or sooner.

        A worker that is being restarted needs the time up to the kill to reach its manager, more than what is bound
        needs an orderly stop.
        """
        counted_from = kill_at - self._seconds * KILL_SHARE
        self._counted_from = min(counted_from, self._counted_from or counted_from)
        self._inherited = True

    def renew(self, sent_at: float, seconds: float = 0.0) -> None:
        """Count from `sent_at`, if that is later than what is counted from; for so long from now on, unless 0."""
        self._seconds = seconds or self._seconds
        self._counted_from = max(sent_at, self._counted_from or sent_at)

    @property
    def halt_at(self) -> float:
        """When to begin to stop what must not outlive the lease."""
        return self.kill_at if self._inherited else self._after(HALT_SHARE)

    @property
    def kill_at(self) -> float:
        """When the watchdog is to kill what still runs then."""
        return self._after(KILL_SHARE)

    @property
    def grace_ms(self) -> int:
        """The longest grace of an orderly stop."""
        return round(self._seconds * 1000 * GRACE_SHARE)

    def _after(self, share: float) -> float:
        assert self._counted_from is not None
        return self._counted_from + self._seconds * share

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

    def note_kill(self, workload: Workload, now: float) -> None:
        """Let a workload whose container the watchdog killed wait like a halted one: for its order or its lease."""
        current = workload.current
        if current is not None and current.fenced and workload.verdict is None:
            confirmed = workload.wanted is not None and self.allows(workload, now)
            workload.halted = workload.halted or not (confirmed or workload.removing)

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
