"""What the answer to a step changes in a workload."""

from __future__ import annotations

from cube.core.restart import REMOVED_OUTSIDE, Again, Ended, pause
from cube.core.worker.steps import Create, Halt, Pull, Start, Step
from cube.core.worker.workload import Workload
from cube.model.allocation import Failure, FailureKind, Phase
from cube.model.container import ContainerSeen, ContainerState
from cube.model.spec import PullPolicy
from cube.model.timing import Timing

SECOND_TRY = 1.0  # a registry that says "no such image" may be behind; once more, then believe it
_WORTH_A_SECOND_TRY = frozenset({FailureKind.IMAGE_MISSING, FailureKind.REGISTRY_DENIED})
_UNCLEAR = frozenset(
    {FailureKind.ENGINE_AWAY, FailureKind.ENGINE_SLOW, FailureKind.ENGINE_ERROR}
)  # the engine may have done it all the same

STAGES: dict[type[Step], Phase] = {
    Pull: Phase.PULLING,
    Create: Phase.CREATING,
    Start: Phase.STARTING,
}


def succeeded(
    workload: Workload, step: Step, seen: ContainerSeen | None, took_ms: int, now: float
) -> bool:
    """Note that the step was done; False when it found the container of the present run gone."""
    workload.step = None
    workload.touched = now
    workload.failure = None
    workload.attempts = 0
    match step:
        case Pull():
            workload.pulled, workload.image_missing = True, False
            workload.progress = ""
            workload.pull_ms = took_ms
        case Create():
            workload.unsure = False
            workload.create_ms = took_ms
            workload.current = seen
        case Start():
            workload.start_ms = took_ms
            if not _has_ended_since(workload.current, seen):
                _go_on_after_start(workload, seen, now)
        case Halt(container_id=container_id):
            there = _put(workload, container_id, seen)
            _go_on_after_halt(workload, now)
            return there
        case _:
            _put(workload, step.container_id, None)
    return True


def failed(
    workload: Workload, step: Step, failure: Failure, now: float, *, timing: Timing, draw: float
) -> None:
    """Note that the step did not succeed, and when to ask again or that there is no use in it."""
    workload.step = None
    workload.touched = now
    if isinstance(step, Create) and failure.kind in _UNCLEAR:
        workload.unsure = True
    if isinstance(step, Halt):
        _go_on_after_halt(workload, now)
    if failure.kind is FailureKind.REMOVED_OUTSIDE and isinstance(step, Start):
        workload.current = None
        workload.end_run(REMOVED_OUTSIDE, now, timing, draw)
        return
    to_start = isinstance(step, Pull | Create | Start) and not workload.removing
    if to_start and _needs_pull(workload, step, failure):
        workload.image_missing = True
        return
    workload.attempts += 1
    if to_start and _is_final(workload, failure):
        workload.fail(failure)
        return
    seconds = (
        SECOND_TRY
        if failure.kind in _WORTH_A_SECOND_TRY
        else pause(timing.temporary_first, timing.temporary_longest, workload.attempts, draw)
    )
    if to_start or workload.removing:
        workload.failure, workload.retry_seconds = failure, seconds
    # The run may have ended while an older container was removed: its pause is not cut short.
    workload.not_before = max(workload.not_before, now + seconds)


def _needs_pull(workload: Workload, step: Step, failure: Failure) -> bool:
    assert workload.spec is not None
    return (
        isinstance(step, Create)
        and failure.kind is FailureKind.IMAGE_MISSING
        and workload.spec.pull is not PullPolicy.NEVER
        and not workload.pulled
    )


def _is_final(workload: Workload, failure: Failure) -> bool:
    assert workload.spec is not None
    if failure.kind in _WORTH_A_SECOND_TRY and workload.spec.pull is not PullPolicy.NEVER:
        return workload.attempts > 1
    return failure.kind.permanent or failure.kind.local


def _put(workload: Workload, container_id: str, seen: ContainerSeen | None) -> bool:
    """Replace one container by its newer view, or take it out; False when that was the present run's."""
    current = workload.current
    if current is not None and current.id == container_id:
        workload.current = seen
        return seen is not None
    kept = (seen if other.id == container_id else other for other in workload.older)
    workload.older = [other for other in kept if other is not None]
    return True


def _go_on_after_start(workload: Workload, seen: ContainerSeen | None, now: float) -> None:
    """Take in the started container; as the next run, if an earlier start was done unheard and its run has ended."""
    workload.current = seen
    if isinstance(workload.verdict, Again) and workload.runs:
        workload.go_on_as_new_run()
    workload.notice_running(now)


def _has_ended_since(known: ContainerSeen | None, answer: ContainerSeen | None) -> bool:
    """Whether a look has shown the end of the very run that the answer tells the start of: answers can be slow."""
    return (
        known is not None
        and answer is not None
        and known.state is ContainerState.EXITED
        and known.started_ms == answer.started_ms
    )


def _go_on_after_halt(workload: Workload, now: float) -> None:
    """Count a container that somebody started while it was being stopped, and that may run, as the next run."""
    may_run = not (workload.removing or workload.halted or workload.unhealthy is not None)
    if workload.runs and workload.is_stopping and may_run:
        workload.go_on_as_new_run()
        workload.notice_running(now)


def vanished(workload: Workload, now: float, timing: Timing, draw: float) -> None:
    """Note that the container of the present run is there no more, though nobody here removed it."""
    if workload.removing or workload.verdict is not None or workload.spec is None:
        return
    if workload.halted:
        workload.interrupt_run(REMOVED_OUTSIDE, now)
    elif workload.unhealthy is not None:
        workload.end_run(Ended(failure=workload.unhealthy), now, timing, draw)
    else:
        workload.end_run(REMOVED_OUTSIDE, now, timing, draw)
