"""What follows the end of a run, as a table."""

from __future__ import annotations

import pytest

from cube.core.restart import (
    REMOVED_OUTSIDE,
    Again,
    Ended,
    Over,
    Verdict,
    judge,
    pause,
    steady_draw,
)
from cube.model.allocation import Exit, Failure, FailureKind, Phase
from cube.model.ids import AllocationId
from cube.model.spec import RestartPolicy, TaskSpec
from cube.model.timing import DEFAULT_TIMING

UNHEALTHY = Ended(Exit(0), Failure(FailureKind.UNHEALTHY, "3 probes failed"))
ALWAYS, ON_FAILURE, NEVER = RestartPolicy.ALWAYS, RestartPolicy.ON_FAILURE, RestartPolicy.NEVER


def verdict(
    policy: RestartPolicy, ended: Ended, *, restarts: int = 0, most: int | None = None
) -> Verdict:
    spec = TaskSpec(name="web", image="nginx", restart=policy, max_restarts=most)
    return judge(spec, ended, restarts=restarts, failures=1, timing=DEFAULT_TIMING, draw=1.0)


@pytest.mark.parametrize("ended", [Ended(Exit(1)), UNHEALTHY, REMOVED_OUTSIDE])
@pytest.mark.parametrize("policy", [ALWAYS, ON_FAILURE])
def test_a_failure_is_followed_by_another_run(policy: RestartPolicy, ended: Ended) -> None:
    assert verdict(policy, ended) == Again(0.1)


@pytest.mark.parametrize("policy", [ON_FAILURE, NEVER])
def test_success_completes(policy: RestartPolicy) -> None:
    assert verdict(policy, Ended(Exit(0))) == Over(Phase.COMPLETED)


def test_always_runs_again_after_success() -> None:
    assert verdict(ALWAYS, Ended(Exit(0))) == Again(0.1)


def test_never_fails_with_its_reason() -> None:
    assert verdict(NEVER, Ended(Exit(137, True))) == Over(
        Phase.FAILED, "exit 137 (out of memory); its restart policy is never"
    )


def test_the_last_restart_allowed_is_the_last() -> None:
    assert verdict(ON_FAILURE, Ended(Exit(1)), restarts=1, most=2) == Again(0.1)
    assert verdict(ON_FAILURE, Ended(Exit(1)), restarts=2, most=2) == Over(
        Phase.FAILED, "gave up after 2 restarts: exit 1"
    )
    assert verdict(ON_FAILURE, Ended(Exit(0)), restarts=2, most=2) == Over(Phase.COMPLETED)


def test_pauses_double_up_to_the_longest_and_are_drawn_from_the_upper_half() -> None:
    assert [pause(0.1, 30.0, attempt, 1.0) for attempt in (1, 2, 3, 9, 10, 500)] == [
        0.1, 0.2, 0.4, 25.6, 30.0, 30.0,
    ]  # fmt: skip
    assert pause(0.1, 30.0, 10, 0.0) == 15.0


def test_draws_are_the_same_for_the_same_run_and_spread_for_different_ones() -> None:
    draws = [steady_draw(AllocationId(f"t.{slot}.1"), 0) for slot in range(200)]
    assert draws[0] == steady_draw(AllocationId("t.0.1"), 0)
    assert all(0 <= draw < 1 for draw in draws)
    assert 0.4 < sum(draws) / len(draws) < 0.6
