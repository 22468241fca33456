"""Every metric of a worker, with its meaning. docs/reference/metrics.md is held to this table.

No label is an id or a name that a user gives: the number of series is bounded by the words below.
"""

from __future__ import annotations

from cube.instruments import counter, gauge, histogram

_ENGINE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_STEP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

WORKER_METRICS = (
    gauge("cube_build_info", "1; which cube runs, on which Python", "version", "python"),
    gauge(
        "cube_worker_containers", "allocations held here, by the phase of their container", "phase"
    ),
    # -- the engine
    gauge("cube_worker_engine_up", "1 when the engine answers"),
    histogram(
        "cube_worker_engine_call_duration_seconds",
        "time to the engine's answer, of a stream to its beginning",
        "operation",
        buckets=_ENGINE,
    ),
    counter(
        "cube_worker_engine_errors_total",
        "questions that the engine refused or did not answer",
        "operation",
        "kind",
    ),
    counter(
        "cube_worker_engine_event_streams_total",
        "streams of events that were opened; each after the first is a reconnection",
    ),
    # -- what is done to containers
    histogram(
        "cube_worker_step_duration_seconds",
        "steps that were done: pull, create, start, halt, discard",
        "step",
        buckets=_STEP,
    ),
    counter("cube_worker_step_failures_total", "steps that failed", "step", "kind"),
    counter("cube_worker_probes_total", "health checks: passed, failed", "result"),
    # -- the manager
    gauge("cube_worker_session_up", "1 while a manager has taken this worker in"),
    counter("cube_worker_sessions_total", "sessions that were begun"),
    gauge("cube_worker_lease_age_seconds", "time since the manager last confirmed the lease"),
    # -- the machine
    counter(
        "cube_worker_host_cpu_seconds_total",
        "processor time of the machine: user, system, idle, iowait, other",
        "mode",
        read=True,
    ),
    gauge("cube_worker_host_cpu_cores", "processors of the machine"),
    gauge("cube_worker_host_load1", "load of the machine, mean of a minute"),
    gauge("cube_worker_host_memory_bytes", "memory of the machine: total, used", "kind"),
    gauge(
        "cube_worker_host_disk_bytes",
        "the disk on which images and containers are: total, used",
        "kind",
    ),
)
