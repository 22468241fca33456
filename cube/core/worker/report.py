"""What the manager is told of an allocation. Only what people can see: every report costs it a commit."""

from __future__ import annotations

from msgspec.structs import replace

from cube.core.restart import Again, Over
from cube.core.worker.steps import Create, Halt, Pull, Start
from cube.core.worker.workload import Workload
from cube.model.allocation import ASSIGNED, Failure, Health, Observed, Phase, Timings
from cube.model.container import ContainerState
from cube.model.orders import Description
from cube.model.spec import TaskSpec

NOTICEABLE = 1.0  # a step shorter than this is not reported: its end follows at once
PROGRESS_EVERY = 1.0  # people see no more of a pull
PAUSED = "paused outside cube; docker unpause lets it go on"
LOST_MANAGER = "stopped: the manager was away for longer than the lease"


def observe(workload: Workload, now: float) -> Observed | None:
    """Return the newest observation without its stamp, or None while there is nothing new to tell."""
    phase = phase_of(workload, now)
    if phase is None:
        return None
    phase = max(phase, workload.reached)
    current = workload.current
    waits = workload.failure is not None or isinstance(workload.verdict, Again)
    return Observed(
        phase=phase,
        restart=workload.restart,
        container_id=current.id if current is not None else "",
        address=current.address if current is not None else "",
        ports=current.ports if current is not None else (),
        health=_health(workload, phase),
        paused=_is_paused(workload, phase),
        started_ms=current.started_ms if current is not None else 0,
        timings=_timings(workload) if phase >= Phase.RUNNING else None,
        exit=workload.ended.exit,
        failure=_failure(workload, phase),
        failures_in_row=workload.failures,
        retry_in_ms=round(workload.retry_seconds * 1000) if waits else 0,
        message=_message(workload, phase),
    )


def description(workload: Workload, spec: TaskSpec) -> Description:
    """Return all that is known of an allocation, as it was last reported."""
    face = workload.face or ASSIGNED
    return Description(
        id=workload.id,
        revision=workload.revision,
        spec=spec,
        observed=replace(face, sequence=workload.sequence),
        devices=workload.devices,
    )


def phase_of(workload: Workload, now: float) -> Phase | None:
    """Return how far the present run has come, or None while it is between two phases worth telling."""
    if workload.removing:
        if workload.removed:
            return Phase.REMOVED
        noticed = now - workload.removing_since >= NOTICEABLE
        return Phase.STOPPING if noticed or workload.failure is not None else None
    if isinstance(workload.verdict, Over):
        return workload.verdict.phase
    if isinstance(workload.verdict, Again):
        return Phase.EXITED
    if workload.runs:
        slow_halt = _halts_this_run(workload) and now - workload.step_since >= NOTICEABLE
        return Phase.STOPPING if slow_halt else Phase.RUNNING
    if workload.failure is not None or isinstance(workload.step, Pull):
        return workload.stage
    if workload.unstarted:
        return (
            Phase.CREATING
        )  # nobody ordered it since it was found: the manager may not know of it
    if isinstance(workload.step, Create | Start) and now - workload.step_since >= NOTICEABLE:
        return workload.stage
    return None


def _halts_this_run(workload: Workload) -> bool:
    """Whether it is being stopped; not one of an earlier run that somebody started again."""
    step, current = workload.step, workload.current
    return isinstance(step, Halt) and current is not None and step.container_id == current.id


def notice_at(workload: Workload, now: float) -> float | None:
    """Return when a step in flight becomes worth telling; None when it is, or when none is."""
    if workload.removing:
        at = workload.removing_since + NOTICEABLE
        return at if now < at and not workload.removed else None
    at = workload.step_since + NOTICEABLE
    return at if workload.step is not None and now < at else None


def withheld_until(workload: Workload, face: Observed, now: float) -> float | None:
    """Return when this may be told if it is nothing but progress told too recently; None: at once."""
    before = workload.face
    if before is None or face.phase is not Phase.PULLING or before.phase is not Phase.PULLING:
        return None
    at = workload.reported_at + PROGRESS_EVERY
    return at if now < at and face.failure is None else None


def _health(workload: Workload, phase: Phase) -> Health:
    if phase is not Phase.RUNNING or workload.vitals is None:
        return Health.NONE
    return workload.vitals.health


def _is_paused(workload: Workload, phase: Phase) -> bool:
    current = workload.current
    return phase is Phase.RUNNING and current is not None and current.state is ContainerState.PAUSED


def _timings(workload: Workload) -> Timings:
    return Timings(workload.pull_ms, workload.create_ms, workload.start_ms)


def _failure(workload: Workload, phase: Phase) -> Failure | None:
    if workload.verdict is not None and not workload.removing:
        return workload.ended.failure
    return None if phase is Phase.RUNNING else workload.failure


def _message(workload: Workload, phase: Phase) -> str:
    if workload.removing:
        return f"cannot be removed yet: {workload.failure.message}" if workload.failure else ""
    if isinstance(workload.verdict, Over):
        return workload.verdict.message
    if workload.failure is not None:
        return workload.failure.message
    if workload.unhealthy is not None:
        return workload.unhealthy.message
    if workload.verdict is not None or phase is Phase.STOPPING:
        return LOST_MANAGER if workload.halted else workload.ended.describe()
    if phase is Phase.PULLING:
        return workload.progress
    return PAUSED if _is_paused(workload, phase) else workload.probe_output


def progress_text(image: str, done_bytes: int, total_bytes: int) -> str:
    """Return the line of a pull: `pulling nginx:1.27, 43 % of 68 MiB`."""
    if not total_bytes:
        return f"pulling {image}"
    percent = min(100, done_bytes * 100 // total_bytes)
    return f"pulling {image}, {percent} % of {total_bytes / 2**20:.1f} MiB"
