"""One allocation on this machine: what is wanted of it, what is there of it, what is being done about it."""

from __future__ import annotations

import msgspec

from cube.core.health import FRESH, Vitals
from cube.core.restart import Again, Ended, Over, Verdict, judge
from cube.core.worker.steps import Step
from cube.model.allocation import Failure, Observed, Phase, Wanted
from cube.model.container import ContainerSeen, ContainerState
from cube.model.extras import Share
from cube.model.ids import AllocationId
from cube.model.orders import Run
from cube.model.spec import TaskSpec
from cube.model.timing import Timing


class Workload(msgspec.Struct, kw_only=True):
    """Everything the worker knows of one allocation. All times are monotonic seconds.

    A run is one container and has the number `restart`. A run that ended has a verdict; without one, the run is
    to be brought to running. Temporary failures to start are no end of a run: the engine may have done what it
    did not confirm, and asking again under the same number finds that instead of doubling it.
    """

    id: AllocationId
    devices: tuple[Share, ...] = ()
    spec: TaskSpec | None = None  # None: nothing but a Remove was heard of it
    revision: int = 0  # at which the manager assigned it
    wanted: Wanted | None = None  # None: found by its label, no order since this process started
    removing_since: float = 0.0
    removed: bool = False

    restart: int = 0
    current: ContainerSeen | None = None
    older: list[ContainerSeen] = []  # of earlier runs
    running_since: float | None = None
    unsure: bool = False  # a container may have been made whose making was not confirmed
    missed: bool = False  # the manager knew of runs, of which nothing is there
    over_on_record: bool = False  # the last of these has ended there: the next is due
    unstarted: bool = False  # found made but never started: not to be started without an order

    verdict: Verdict | None = None
    ended: Ended = Ended()  # the newest end of a run
    failures: int = 0  # ends in a row of runs that did not last
    unhealthy: Failure | None = None  # why cube ends the present run
    halted: bool = False  # stopped because the lease ran out
    resume: bool = False  # halted, and ordered again since

    step: Step | None = None
    step_since: float = 0.0
    not_before: float = 0.0
    stage: Phase = Phase.ASSIGNED  # of the newest step of the start
    failure: Failure | None = None  # what keeps the present step from success
    attempts: int = 0  # failures of steps in a row
    retry_seconds: float = 0.0
    image_missing: bool = False
    pulled: bool = False
    progress: str = ""
    pull_ms: int = 0
    create_ms: int = 0
    start_ms: int = 0
    touched: float = 0.0  # when its containers were last changed or looked at

    vitals: Vitals | None = None
    probing: bool = False
    probe_at: float = 0.0
    probe_output: str = ""

    reached: Phase = Phase.ASSIGNED  # of this run, as reported
    face: Observed | None = None  # the newest report, without its stamp
    reported_at: float = 0.0
    sequence: int = 0

    @property
    def removing(self) -> bool:
        """Whether it was ordered away."""
        return self.wanted is Wanted.REMOVE

    @property
    def runs(self) -> bool:
        """Whether the container of the present run runs."""
        return self.current is not None and runs(self.current)

    @property
    def containers(self) -> list[ContainerSeen]:
        """All its containers, the newest run first."""
        older = sorted(self.older, key=lambda seen: seen.label.restart, reverse=True)
        return older if self.current is None else [self.current, *older]

    def age_ms(self, now: float) -> int:
        """How long the present run has been running."""
        return 0 if self.running_since is None else round((now - self.running_since) * 1000)

    def end_run(self, ended: Ended, now: float, timing: Timing, draw: float) -> None:
        """Record how the present run ended and what follows."""
        assert self.spec is not None
        lasted = (
            self.running_since is not None and now - self.running_since >= timing.restart_stable
        )
        self.failures = 1 if lasted else self.failures + 1
        self.ended = ended
        self.verdict = judge(
            self.spec,
            ended,
            restarts=self.restart,
            failures=self.failures,
            timing=timing,
            draw=draw,
        )
        if self.verdict == Over(Phase.COMPLETED):
            self.failures = 0
        self._wait_for_next_run(now)

    def interrupt_run(self, ended: Ended, now: float) -> None:
        """Record that cube ended the run for want of a lease: no failure, and the next needs an order."""
        self.ended = ended
        self.verdict = Again(0.0)
        self._wait_for_next_run(now)

    def fail(self, failure: Failure) -> None:
        """Record that the run cannot start, here or anywhere."""
        self.ended = Ended(failure=failure)
        self.verdict = Over(Phase.FAILED, failure.message)
        self.failure = None

    def begin_run(self) -> None:
        """Go on to the next run. The container of this one is kept for its log."""
        if self.current is not None:
            self.older.append(self.current)
        self.current = None
        self.restart += 1
        self._forget_progress()
        self.image_missing = self.pulled = False
        self.pull_ms = self.create_ms = self.start_ms = 0

    def catch_up(self, order: Run) -> None:
        """Count on from the runs on record, where a person or a copy of this worker began some that it missed."""
        if self.missed:
            return
        if isinstance(self.verdict, Again):  # the run to come takes the next number by itself
            self.restart = max(self.restart, order.first_restart - 1)
        elif order.runs_over > self.restart and not self.is_stopping:
            self.restart = order.first_restart
            self.reached = Phase.ASSIGNED

    def obey(self, order: Run, now: float) -> None:
        """Be as the order says from now on. Repeats are harmless."""
        # One allocation, one spec: a newer one gets an allocation of its own.
        if self.spec is None:
            self.spec, self.revision, self.devices = order.spec, order.revision, order.devices
        if self.wanted is None:
            self.wanted = Wanted.RUN
            self.unstarted = False
            if isinstance(self.verdict, Again):
                self.not_before = min(self.not_before, now + self.verdict.seconds)
        if self.halted:
            self.call_off_halt()

    def go_on_as_new_run(self) -> None:
        """Count a container that somebody started again as the next run: its number must grow to be reported."""
        self.restart += 1
        self._forget_progress()

    def call_off_halt(self) -> None:
        """Go on although the lease had run out. A halt on its way is not called back: the next run follows it."""
        begun = self.step is not None or self.verdict is not None or self.is_stopping
        self.resume, self.halted = begun, begun

    @property
    def is_stopping(self) -> bool:
        """Whether it was told that this run is being stopped: that cannot be taken back."""
        return self.reached is Phase.STOPPING

    def _forget_progress(self) -> None:
        self.verdict = None
        self.running_since = None
        self.unhealthy = self.failure = None
        self.halted = self.resume = self.unstarted = False
        self.attempts = 0
        self.reached = self.stage = Phase.ASSIGNED
        self.vitals = None
        self.probing = False
        self.probe_output = ""

    def _wait_for_next_run(self, now: float) -> None:
        self.failure = None
        self.attempts = 0
        self.running_since = None
        if isinstance(self.verdict, Again):
            self.retry_seconds = self.verdict.seconds
            self.not_before = now + self.verdict.seconds

    def notice_running(self, now: float, *, since: float | None = None) -> None:
        """Record that the present run runs, if that is news."""
        if self.running_since is not None or not self.runs:
            return
        self.running_since = now if since is None else since
        self.failure = None
        self.attempts = 0
        self.not_before = 0.0
        self.missed = False
        if self.spec is not None and self.spec.health is not None:
            self.vitals = FRESH
            self.probe_at = now


def runs(seen: ContainerSeen) -> bool:
    """Whether its processes exist."""
    return seen.state in (ContainerState.RUNNING, ContainerState.PAUSED)


def newer(seen: ContainerSeen, than: ContainerSeen) -> bool:
    """Whether a view of a container must be younger than another: a container starts, ends, starts again."""
    return _age(seen) > _age(than)


def _age(seen: ContainerSeen) -> tuple[int, int]:
    return (seen.started_ms, _ORDER[seen.state])


_ORDER = {
    ContainerState.CREATED: 0,
    ContainerState.RUNNING: 1,
    ContainerState.PAUSED: 1,
    ContainerState.EXITED: 2,
}
