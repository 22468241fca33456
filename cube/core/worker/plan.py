"""The next step of an allocation, derived from its whole state and nothing else.

So a restart of the worker, a lost answer or a repeated order lead to the same place.
"""

from __future__ import annotations

from cube.core.worker.steps import Create, Discard, Halt, Pull, Start, Step
from cube.core.worker.workload import Workload, runs
from cube.model.container import ContainerSeen, ContainerState
from cube.model.spec import PullPolicy, TaskSpec


def next_step(
    workload: Workload, now: float, *, may_start: bool, longest_grace_ms: int
) -> Step | None:
    """Return what to do now, or None while a step is in flight, a pause lasts or nothing is left to do.

    `may_start` forbids bringing anything to running; `longest_grace_ms` caps the grace of a halt for want of a
    lease, which must be over before the lease is.
    """
    if workload.step is not None or now < workload.not_before:
        return None
    if workload.removing:
        return _toward_nothing(workload)
    for seen in workload.older:
        if runs(seen):  # at most one runs; the newest run wins
            return _halt(workload, seen)
    if workload.verdict is not None or workload.spec is None:
        return None
    if not workload.runs:
        return _toward_running(workload, workload.spec) if may_start else None
    assert workload.current is not None
    if workload.unhealthy is not None:
        return _halt(workload, workload.current)
    if workload.halted and (workload.is_stopping or not workload.resume):
        return _halt(workload, workload.current, longest_grace_ms)
    return _tidy(workload)


def _toward_nothing(workload: Workload) -> Step | None:
    for seen in workload.containers:
        if runs(seen):
            return _halt(workload, seen)
        return Discard(workload.id, seen.id)
    return None


def _toward_running(workload: Workload, spec: TaskSpec) -> Step | None:
    current = workload.current
    if current is not None:
        # An ended one without a verdict has not been judged yet: the next look at the workload does that.
        created = current.state is ContainerState.CREATED
        return Start(workload.id, current.id) if created else None
    wants_pull = workload.image_missing or spec.pull is PullPolicy.ALWAYS
    if wants_pull and not workload.pulled:
        return Pull(workload.id, spec.image)
    return Create(
        workload.id, workload.restart, spec, devices=workload.devices, revision=workload.revision
    )


def _halt(workload: Workload, seen: ContainerSeen, longest_grace_ms: int | None = None) -> Halt:
    spec = seen.label.spec
    grace = spec.stop_grace_ms
    if longest_grace_ms is not None:
        grace = min(grace, longest_grace_ms)
    return Halt(workload.id, seen.id, spec.stop_signal, grace)


def _tidy(workload: Workload) -> Step | None:
    """The newest ended container is kept for its log; those before it go once the next run has started."""
    ended = [seen for seen in workload.containers if seen is not workload.current]
    return Discard(workload.id, ended[1].id) if len(ended) > 1 else None
