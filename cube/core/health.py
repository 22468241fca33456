"""What probes say of a container: when to ask, and what an answer changes. Knows nothing of sockets."""

from __future__ import annotations

import msgspec

from cube.model.allocation import Health
from cube.model.spec import HealthCheck

EAGER_MS = 250  # a container that has just started is asked more often, to be in service soon


class Vitals(msgspec.Struct, frozen=True, gc=False):
    """The health of one run, and the row of equal answers that led to it."""

    health: Health = Health.STARTING
    passes_in_row: int = 0
    failures_in_row: int = 0


FRESH = Vitals()


def hear(vitals: Vitals, check: HealthCheck, *, passed: bool, age_ms: int) -> Vitals:
    """Return the vitals after one answer of a run that is `age_ms` old. UNHEALTHY is final for a run."""
    if vitals.health is Health.UNHEALTHY:
        return vitals
    if passed:
        passes = vitals.passes_in_row + 1
        return Vitals(Health.HEALTHY if passes >= check.successes else vitals.health, passes, 0)
    if vitals.health is Health.STARTING and age_ms < settling_ms(check):
        return FRESH
    failures = vitals.failures_in_row + 1
    return Vitals(Health.UNHEALTHY if failures >= check.failures else vitals.health, 0, failures)


def settling_ms(check: HealthCheck) -> int:
    """Return how long failures of a new run are not counted: at least until the first regular probe is due."""
    return max(check.grace_ms, check.interval_ms)


def pause_ms(vitals: Vitals, check: HealthCheck, age_ms: int) -> int:
    """Return the time from the start of one probe to the next."""
    if vitals.health is Health.STARTING and age_ms < settling_ms(check):
        return min(EAGER_MS, check.interval_ms)
    return check.interval_ms


def presumed(check: HealthCheck, age_ms: int) -> Vitals:
    """Return the vitals of a run found running by a worker that has just started.

    A run older than the time in which it would have been found unhealthy was healthy: the worker before would
    have ended it. Without this a restart of the worker would take every container out of service for a moment.
    """
    found_out_ms = settling_ms(check) + check.failures * check.interval_ms
    return Vitals(Health.HEALTHY) if age_ms > found_out_ms else FRESH
