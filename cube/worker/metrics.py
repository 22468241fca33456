"""A worker's metrics: counted where something happens, read from its parts when somebody scrapes. An observer only."""

from __future__ import annotations

import platform
from collections import Counter

import cube
from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import (
    LeaseConfirmed,
    Probed,
    SessionOpened,
    StepDone,
    StepFailed,
    WorkerInput,
)
from cube.core.worker.steps import Step
from cube.instruments import Instruments, Readings
from cube.model.allocation import FailureKind, Phase
from cube.worker.metric_table import WORKER_METRICS

EVENT_STREAM = "events"  # the engine's operation that opens one


class WorkerMetrics:
    """What is counted as it happens, and how it is shown."""

    def __init__(self) -> None:
        self._instruments = Instruments(WORKER_METRICS)
        counter, histogram = self._instruments.counter, self._instruments.histogram
        self._calls = histogram("cube_worker_engine_call_duration_seconds")
        self._errors = counter("cube_worker_engine_errors_total")
        self._event_streams = counter("cube_worker_engine_event_streams_total")
        self._steps = histogram("cube_worker_step_duration_seconds")
        self._step_failures = counter("cube_worker_step_failures_total")
        self._probes = counter("cube_worker_probes_total")
        self._sessions = counter("cube_worker_sessions_total")
        self.lease_from: float | None = None
        """The monotonic second from which the newest confirmed lease counts; None before the first."""

    def engine_asked(self, operation: str, seconds: float, failed: FailureKind | None) -> None:
        """Take in how a question to the engine went."""
        self._calls.labels(operation).observe(seconds)
        if failed is not None:
            self._errors.labels(operation, failed.value).inc()
        elif operation == EVENT_STREAM:
            self._event_streams.inc()

    def told(self, input: WorkerInput) -> None:
        """Take in what the core is told."""
        match input:
            case StepDone(step=step, took_ms=took_ms):
                self._steps.labels(_name(step)).observe(took_ms / 1000)
            case StepFailed(step=step, failure=failure):
                self._step_failures.labels(_name(step), failure.kind.value).inc()
            case Probed(passed=passed, paused=False):
                self._probes.labels("passed" if passed else "failed").inc()
            case LeaseConfirmed(sent_at=sent_at):
                self.lease_from = sent_at
            case SessionOpened(sent_at=sent_at):
                self.lease_from = sent_at
                self._sessions.inc()

    def render(self, readings: Readings) -> bytes:
        """Return everything as text."""
        return self._instruments.render(readings)


def readings(core: WorkerCore) -> Readings:
    """Return what is read of the core and of this process."""
    phases = Counter(
        (workload.face.phase if workload.face else Phase.ASSIGNED) for workload in core.workloads()
    )
    return {
        "cube_build_info": {(cube.__version__, platform.python_version()): 1},
        # Also where there is none: an alert is about a series that is there.
        "cube_worker_containers": {
            (phase.name.lower(),): phases[phase] for phase in Phase if phase is not Phase.REMOVED
        },
    }


def _name(step: Step) -> str:
    return type(step).__name__.lower()
