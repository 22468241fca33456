"""The course of runs: how one is judged when it ended, when the next begins, when it is asked for its health."""

from __future__ import annotations

from cube.core.health import hear, pause_ms
from cube.core.restart import REMOVED_OUTSIDE, Again, Ended, Over
from cube.core.worker.inputs import Probed
from cube.core.worker.lease import Lease, bound
from cube.core.worker.report import notice_at
from cube.core.worker.steps import Probe
from cube.core.worker.workload import Workload
from cube.model.allocation import Exit, Failure, FailureKind, Health
from cube.model.container import ContainerSeen, ContainerState
from cube.model.spec import HealthCheck
from cube.model.timing import Instant, Timing

ADOPTED_WAIT = 5.0  # what was found ended may have been ordered away: hear the manager first
NOTICED_WITHIN = (
    0.5  # an engine tells of an end once it has cleaned up; one far away may have another clock
)
TOLD_FIRST = 0.01  # so that the end of a run is sent by itself, before word of the next one
UNKNOWN_EXIT = Exit(255)  # the engine lost how it ended; never taken for success
HTTP_PORT = 80  # where neither the check nor a published port names one


def judge_end(workload: Workload, now: Instant, timing: Timing, draw: float) -> None:
    """Give a run that has ended its verdict. One that was ordered away needs none: only how it ended is kept.

    The pause before the next run counts from when this one ended, not from when that was noticed.
    """
    if workload.verdict is not None or workload.spec is None:
        return
    current = workload.current
    if workload.removing:
        if current is not None and current.exit is not None:
            workload.ended = Ended(current.exit)
        return
    if current is None:
        if workload.missed:
            workload.missed = False
            if workload.over_on_record:
                workload.interrupt_run(Ended(), now.monotonic)
            else:
                workload.end_run(REMOVED_OUTSIDE, now.monotonic, timing, draw)
        return
    if current.state is not ContainerState.EXITED:
        return
    ended = Ended(current.exit or UNKNOWN_EXIT, workload.unhealthy)
    at = now.monotonic - _ended_seconds_ago(current, now)
    if workload.halted or current.fenced:
        workload.interrupt_run(ended, at)
        return
    workload.end_run(ended, at, timing, draw)
    waits = ADOPTED_WAIT if workload.wanted is None and _goes_on(workload) else TOLD_FIRST
    workload.not_before = max(workload.not_before, now.monotonic + waits)


def _ended_seconds_ago(seen: ContainerSeen, now: Instant) -> float:
    return min(max(0, now.wall_ms - seen.finished_ms) / 1000, NOTICED_WITHIN)


def _goes_on(workload: Workload) -> bool:
    return isinstance(workload.verdict, Again)


def begin_due_run(workload: Workload, now: float, *, may_start: bool) -> None:
    """Go on to the next run, if there is to be one and its pause is over."""
    if (
        may_start
        and isinstance(workload.verdict, Again)
        and not workload.removing
        and workload.step is None
        and now >= workload.not_before
        and not _waits_for_order(workload)
    ):
        workload.begin_run()


def note_answer(workload: Workload, probed: Probed, now: float) -> bool:
    """Take in the answer of a probe; False when it is of a run that is over."""
    check, vitals = _check(workload), workload.vitals
    current = workload.current
    if check is None or vitals is None or current is None or current.id != probed.container_id:
        return False
    workload.probing = False
    if probed.paused or current.state is ContainerState.PAUSED:
        return True  # asked before it was paused: that it cannot answer says nothing of its health
    workload.vitals = vitals = hear(
        vitals, check, passed=probed.passed, age_ms=workload.age_ms(now)
    )
    workload.probe_output = "" if probed.passed else probed.output
    if vitals.health is Health.UNHEALTHY and workload.unhealthy is None:
        message = f"unhealthy: {vitals.failures_in_row} probes in a row failed: {probed.output}"
        workload.unhealthy = Failure(FailureKind.UNHEALTHY, message)
    return True


def next_probe(workload: Workload, now: float) -> Probe | None:
    """Return the probe that is due, marked as in flight."""
    check, vitals, current = _check(workload), workload.vitals, workload.current
    if check is None or vitals is None or current is None or not _is_probed(workload):
        return None
    if now < workload.probe_at:
        return None
    workload.probing = True
    workload.probe_at = now + pause_ms(vitals, check, workload.age_ms(now)) / 1000
    assert workload.spec is not None
    published = next((port.container_port for port in workload.spec.ports), HTTP_PORT)
    return Probe(workload.id, current.id, current.address, check.port or published, check)


def due_at(workload: Workload, now: float, lease: Lease, withheld: float | None) -> float | None:
    """Return when the workload is to be looked at even if nothing happens."""
    times = [notice_at(workload, now), withheld]
    if now < workload.not_before and not _rests(workload):
        times.append(workload.not_before)
    if workload.vitals is not None and _is_probed(workload):
        times.append(workload.probe_at)
    ends = workload.halted or workload.removing or workload.unhealthy is not None
    if workload.runs and not ends and bound(workload):
        times.append(lease.halt_at)
    return min((at for at in times if at is not None), default=None)


def _rests(workload: Workload) -> bool:
    """Whether no step would follow even if its pause were over."""
    if workload.removing:
        return workload.removed
    halted = (
        _waits_for_order(workload) and not workload.runs
    )  # one that runs is still to be stopped
    return isinstance(workload.verdict, Over) or halted


def _waits_for_order(workload: Workload) -> bool:
    return workload.halted and not workload.resume


def _is_probed(workload: Workload) -> bool:
    current = workload.current
    return (
        current is not None
        and current.state is ContainerState.RUNNING  # a paused one cannot answer
        and workload.verdict is None
        and workload.unhealthy is None
        and not (workload.probing or workload.removing or workload.halted)
    )


def _check(workload: Workload) -> HealthCheck | None:
    return workload.spec.health if workload.spec is not None else None
