"""The questions an allocation answers: whether it ended, fills its slot, holds its room, does its work."""

from __future__ import annotations

from typing import Any

import pytest

from cube.model.allocation import Allocation, Exit, FailureKind, Health, Observed, Phase, Wanted
from tests.builders import an_allocation

QUESTIONS = ("live", "ready", "ended", "reserves", "gone")


def answers(allocation: Allocation) -> str:
    return " ".join(question for question in QUESTIONS if getattr(allocation, question))


@pytest.mark.parametrize(
    ("fields", "yes"),
    [
        ({"phase": Phase.ASSIGNED}, "live reserves"),
        ({"phase": Phase.RUNNING}, "live ready reserves"),
        ({"phase": Phase.RUNNING, "health": Health.STARTING}, "live reserves"),
        ({"phase": Phase.RUNNING, "health": Health.HEALTHY}, "live ready reserves"),
        ({"phase": Phase.RUNNING, "health": Health.UNHEALTHY}, "live reserves"),
        ({"phase": Phase.RUNNING, "wanted": Wanted.REMOVE}, "reserves"),
        ({"phase": Phase.RUNNING, "lost": True}, "ended reserves"),
        ({"phase": Phase.EXITED}, "live reserves"),
        ({"phase": Phase.COMPLETED}, "ended"),
        ({"phase": Phase.COMPLETED, "lost": True}, "ended reserves"),
        ({"phase": Phase.FAILED}, "ended"),
        ({"phase": Phase.REMOVED}, "ended gone"),
        ({"phase": Phase.REMOVED, "lost": True}, "ended gone"),
    ],
    ids=str,
)
def test_what_is_true_of_an_allocation(fields: dict[str, Any], yes: str) -> None:
    assert answers(an_allocation(**fields)) == yes


def test_only_a_phase_after_the_last_run_is_an_end() -> None:
    assert [phase for phase in Phase if phase.ended] == [
        Phase.COMPLETED,
        Phase.FAILED,
        Phase.REMOVED,
    ]


def test_observations_are_ordered_by_run_then_phase_then_session_then_number() -> None:
    in_order = [
        Observed(restart=0, phase=Phase.PULLING, epoch=7, sequence=9),
        Observed(restart=0, phase=Phase.RUNNING, epoch=1, sequence=8),
        Observed(restart=0, phase=Phase.RUNNING, epoch=2, sequence=1),
        Observed(restart=0, phase=Phase.RUNNING, epoch=2, sequence=2),
        Observed(restart=1, phase=Phase.ASSIGNED),
    ]
    assert sorted(in_order, key=lambda observed: observed.stamp) == in_order
    assert len({observed.stamp for observed in in_order}) == len(in_order)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Exit(0), "exit 0"),
        (Exit(1), "exit 1"),
        (Exit(137), "exit 137 (SIGKILL)"),
        (Exit(143), "exit 143 (SIGTERM)"),
        (Exit(137, out_of_memory=True), "exit 137 (out of memory)"),
        (Exit(128), "exit 128"),
        (Exit(255), "exit 255"),
    ],
    ids=str,
)
def test_an_exit_is_told_in_the_words_of_a_table(ended: Exit, words: str) -> None:
    assert ended.describe() == words


def test_no_failure_is_both_for_good_and_mended_by_another_node() -> None:
    assert not [kind for kind in FailureKind if kind.permanent and kind.local]


def test_only_the_user_mends_what_is_wrong_in_the_task() -> None:
    assert {kind for kind in FailureKind if kind.permanent} == {
        FailureKind.IMAGE_MISSING,
        FailureKind.REGISTRY_DENIED,
        FailureKind.COMMAND_NOT_FOUND,
        FailureKind.BAD_SPEC,
        FailureKind.NOT_ALLOWED,
    }


def test_another_node_may_do_better_where_a_machine_is_short_of_something() -> None:
    local = {kind for kind in FailureKind if kind.local}
    assert local == {FailureKind.PORT_TAKEN, FailureKind.NO_SPACE}
