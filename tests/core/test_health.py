"""What probes make of a run's health."""

from __future__ import annotations

from cube.core.health import FRESH, Vitals, hear, pause_ms, presumed
from cube.model.allocation import Health
from cube.model.spec import HealthCheck, ProbeKind

CHECK = HealthCheck(kind=ProbeKind.TCP, failures=3, successes=2)
OLD = 60_000


def after(answers: str, *, age_ms: int = OLD, start: Vitals = FRESH) -> Vitals:
    """The vitals after a row of answers: `+` passed, `-` failed."""
    vitals = start
    for answer in answers:
        vitals = hear(vitals, CHECK, passed=answer == "+", age_ms=age_ms)
    return vitals


def test_it_takes_as_many_passes_in_a_row_as_asked_for() -> None:
    assert after("+").health is Health.STARTING
    assert after("+-+").health is Health.STARTING
    assert after("++").health is Health.HEALTHY


def test_it_takes_as_many_failures_in_a_row_as_asked_for() -> None:
    assert after("++--+--").health is Health.HEALTHY
    assert after("++---").health is Health.UNHEALTHY


def test_unhealthy_is_final_for_a_run() -> None:
    assert after("---++").health is Health.UNHEALTHY


def test_failures_of_a_young_run_are_not_counted() -> None:
    assert after("-----", age_ms=4_999) == FRESH
    assert after("++---", age_ms=4_999).health is Health.UNHEALTHY


def test_a_young_run_is_asked_more_often() -> None:
    assert pause_ms(FRESH, CHECK, 0) == 250
    assert pause_ms(FRESH, CHECK, OLD) == 5_000
    assert pause_ms(Vitals(Health.HEALTHY), CHECK, 0) == 5_000


def test_a_run_found_old_is_presumed_healthy() -> None:
    assert presumed(CHECK, 20_001).health is Health.HEALTHY
    assert presumed(CHECK, 20_000).health is Health.STARTING
