"""The verdict on a task, from views and seconds alone."""

from __future__ import annotations

import pytest

from cube.cli.exits import Exit
from cube.cli.follow import (
    GRACE_SECONDS,
    LOOP_RESTARTS,
    REMINDER_SECONDS,
    SETTLE_SECONDS,
    Completion,
    Deployment,
    Removal,
)
from cube.model.allocation import Failure, FailureKind, Health
from cube.model.task import Goal, TaskState
from tests.cli.views import allocation, task, waiting


def code(follower: Deployment | Removal | Completion) -> Exit | None:
    return follower.verdict.exit if follower.verdict else None


def test_what_runs_has_to_survive_a_moment() -> None:
    follower = Deployment(0.0)

    follower.see(task(allocation()), 1.0)
    follower.tick(1.0 + SETTLE_SECONDS - 0.01)
    assert follower.verdict is None
    follower.tick(1.0 + SETTLE_SECONDS)

    assert code(follower) is Exit.DONE


def test_a_restart_in_between_starts_the_moment_anew() -> None:
    follower = Deployment(0.0)

    follower.see(task(allocation()), 1.0)
    follower.see(task(allocation(restarts=1)), 1.5)
    follower.tick(1.0 + SETTLE_SECONDS)

    assert follower.verdict is None


def test_what_is_healthy_needs_no_moment() -> None:
    follower = Deployment(0.0)

    follower.see(task(allocation(health=Health.HEALTHY)), 1.0)

    assert code(follower) is Exit.DONE


def test_replicas_that_are_missing_are_waited_for() -> None:
    follower = Deployment(0.0)

    follower.see(task(allocation(health=Health.HEALTHY), replicas=2), 1.0)

    assert follower.verdict is None


def test_a_slot_without_a_place_is_given_a_short_grace() -> None:
    follower = Deployment(0.0)

    assert follower.see(task(waiting=(waiting(),)), 1.0) == [
        "web.1: waiting: no node fits: 1 lacks memory"
    ]
    follower.tick(1.0 + GRACE_SECONDS - 0.01)
    assert follower.verdict is None
    follower.tick(1.0 + GRACE_SECONDS)

    assert code(follower) is Exit.NOT_PLACED


def test_the_grace_begins_anew_after_a_place_was_found() -> None:
    follower = Deployment(0.0)

    follower.see(task(waiting=(waiting(),)), 1.0)
    follower.see(task(allocation(phase="pulling")), 2.0)
    follower.see(task(waiting=(waiting(),)), 2.5)
    follower.tick(1.0 + GRACE_SECONDS)

    assert follower.verdict is None


def test_who_wants_to_wait_for_room_waits() -> None:
    follower = Deployment(0.0, wait_for_room=True)

    follower.see(task(waiting=(waiting(),)), 1.0)
    follower.tick(1000.0)

    assert follower.verdict is None


def test_a_slot_whose_old_container_is_still_stopping_does_not_lack_a_node() -> None:
    follower = Deployment(0.0)
    old = allocation(phase="stopping", wanted="remove", ready=False)

    follower.see(task(old, waiting=(waiting(reason="waits for its port"),)), 1.0)
    follower.tick(1.0 + GRACE_SECONDS)

    assert follower.verdict is None


def test_many_slots_that_wait_for_the_same_are_one_line() -> None:
    slots = tuple(waiting(number) for number in range(1, 43))

    lines = Deployment(0.0).see(task(waiting=slots, replicas=42), 1.0)

    assert lines == ["web.1 and 41 other slots: waiting: no node fits: 1 lacks memory"]


def test_replaced_containers_prove_nothing() -> None:
    old = allocation(health=Health.HEALTHY)
    leaving = allocation(wanted="remove", ready=False)
    new = allocation(generation=2, health=Health.HEALTHY)
    follower = Deployment(0.0, replaced=frozenset({old.id}))

    follower.see(task(old), 1.0)
    assert follower.verdict is None
    follower.see(task(leaving, new, replicas=1), 2.0)
    assert follower.verdict is None, "the old one is still there"
    follower.see(task(new), 3.0)

    assert code(follower) is Exit.DONE


@pytest.mark.parametrize("restarts", range(LOOP_RESTARTS + 1))
def test_it_takes_several_restarts_to_give_up(restarts: int) -> None:
    follower = Deployment(0.0)

    follower.see(task(allocation(phase="exited")), 1.0)
    follower.see(task(allocation(phase="exited", restarts=restarts)), 2.0)

    assert code(follower) is (Exit.FAILED if restarts == LOOP_RESTARTS else None)


def test_a_container_killed_for_its_health_is_unhealthy_also_while_it_restarts() -> None:
    failure = Failure(FailureKind.UNHEALTHY, "GET /health: 500")
    follower = Deployment(0.0)

    follower.see(task(allocation(phase="exited", failure=failure, reason="restart 1 in 1 s")), 1.0)

    assert code(follower) is Exit.UNHEALTHY


def test_what_keeps_it_from_starting_is_told_at_once() -> None:
    follower = Deployment(0.0)
    failure = Failure(FailureKind.REGISTRY_AWAY, "no such host")

    follower.see(task(allocation(phase="pulling")), 1.0)
    lines = follower.see(
        task(allocation(phase="pulling", failure=failure, reason="registry: no such host")), 2.0
    )

    assert lines == ["web.1 on w1: pulling: registry: no such host"]


def test_a_change_is_told_once() -> None:
    follower = Deployment(0.0)
    view = task(allocation(phase="pulling", reason="pulling, 3 %"))

    assert follower.see(view, 1.0) == ["web.1 on w1: pulling: pulling, 3 %"]
    assert follower.see(view, 1.1) == []


def test_waiting_is_named_now_and_then() -> None:
    follower = Deployment(0.0)
    follower.see(task(allocation(phase="pulling"), reason="pulling, 3 %"), 1.0)

    assert follower.tick(REMINDER_SECONDS - 0.1) == []
    assert follower.tick(REMINDER_SECONDS) == ["web: still waiting after 30s: pulling, 3 %"]
    assert follower.tick(REMINDER_SECONDS + 1) == []


@pytest.mark.parametrize(
    ("view", "verdict"),
    [
        (None, Exit.FAILED),
        (task(goal=Goal.STOP), Exit.FAILED),
        (task(replicas=0, state=TaskState.COMPLETED), Exit.DONE),
        (task(allocation(phase="completed"), state=TaskState.COMPLETED), Exit.DONE),
        (task(state=TaskState.FAILED, reason="exit 1"), Exit.FAILED),
    ],
    ids=["removed", "stopped by another", "scaled to 0", "completed", "failed"],
)
def test_the_ends_of_a_task(view: object, verdict: Exit) -> None:
    follower = Deployment(0.0)

    follower.see(view, 1.0)  # type: ignore[arg-type]

    assert code(follower) is verdict


def test_stopping_lasts_until_nothing_is_left() -> None:
    follower = Removal(0.0)

    follower.see(task(allocation(wanted="remove"), goal=Goal.STOP, state=TaskState.RUNNING), 1.0)
    assert follower.verdict is None
    follower.see(task(goal=Goal.STOP, state=TaskState.COMPLETED), 2.0)

    assert code(follower) is Exit.DONE


def test_stopping_does_not_wait_for_what_was_started_again() -> None:
    follower = Removal(0.0)

    follower.see(task(allocation()), 1.0)

    assert code(follower) is Exit.CONFLICT


def test_stopping_has_an_end_when_one_was_set() -> None:
    follower = Removal(0.0, timeout=5.0)

    follower.see(task(allocation(wanted="remove"), goal=Goal.STOP, state=TaskState.RUNNING), 1.0)
    follower.tick(5.0)

    assert code(follower) is Exit.TIMED_OUT


def test_completion_is_not_running() -> None:
    follower = Completion(0.0)

    follower.see(task(allocation()), 1.0)
    follower.tick(100.0)
    assert follower.verdict is None
    follower.see(task(allocation(phase="completed"), state=TaskState.COMPLETED), 101.0)

    assert code(follower) is Exit.DONE


def test_a_relief_and_the_one_it_relieves_fill_one_slot() -> None:
    follower = Deployment(0.0)
    both = (
        allocation(1, health=Health.HEALTHY),
        allocation(1, generation=2, health=Health.HEALTHY),
    )

    follower.see(task(*both, replicas=2), 1.0)

    assert follower.verdict is None


def test_what_is_to_be_healthy_has_a_health_check() -> None:
    follower = Deployment(0.0, healthy=True)

    follower.see(task(allocation()), 1.0)

    assert follower.verdict == (
        Exit.USAGE,
        "task web has no health check: it is never healthy, only running",
        "",
    )
