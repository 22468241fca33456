"""Observed state is ordered and only moves forward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.core.lifecycle import noteworthy, observe
from cube.model.allocation import Exit, Failure, FailureKind, Health, Observed, Phase
from tests.builders import an_allocation

observations = st.builds(
    Observed,
    phase=st.sampled_from(Phase),
    restart=st.integers(0, 3),
    epoch=st.integers(0, 3),
    sequence=st.integers(0, 3),
)


def test_a_phase_already_reached_changes_nothing() -> None:
    allocation = an_allocation(phase=Phase.RUNNING, restart=1, sequence=5)
    for late in (
        Observed(phase=Phase.RUNNING, restart=1, sequence=5),
        Observed(phase=Phase.STARTING, restart=1, sequence=9),
        Observed(phase=Phase.EXITED, restart=0, sequence=9),
    ):
        assert observe(allocation, late) is allocation


def test_the_next_run_counts_as_forward_although_its_phase_is_smaller() -> None:
    allocation = an_allocation(phase=Phase.EXITED, restart=1, sequence=5)
    after = observe(allocation, Observed(phase=Phase.STARTING, restart=2, sequence=1))
    assert after.observed.phase is Phase.STARTING


def test_a_newer_session_may_say_the_same_phase_again() -> None:
    allocation = an_allocation(phase=Phase.RUNNING, epoch=1, sequence=50)
    after = observe(
        allocation, Observed(phase=Phase.RUNNING, epoch=2, sequence=1, health=Health.HEALTHY)
    )
    assert after.observed.health is Health.HEALTHY


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.FAILED])
def test_what_has_ended_can_only_be_removed_and_keeps_its_exit(phase: Phase) -> None:
    ended = an_allocation(phase=phase, restart=2, exit=Exit(3))
    assert observe(ended, Observed(phase=Phase.RUNNING, restart=9)) is ended
    removed = observe(ended, Observed(phase=Phase.REMOVED))
    assert removed.gone
    assert removed.observed.exit == Exit(3)
    assert removed.observed.restart == 2


def test_a_removal_tells_how_the_run_ended_that_it_stopped() -> None:
    running = an_allocation(phase=Phase.RUNNING, restart=1, exit=Exit(1))  # of the run before
    removed = Observed(phase=Phase.REMOVED, restart=1, exit=Exit(137))
    assert observe(running, removed).observed.exit == Exit(137)


def test_what_hindered_a_removal_is_not_how_it_ended() -> None:
    stuck = Failure(FailureKind.STUCK, "container abc is stuck")
    stopping = an_allocation(phase=Phase.STOPPING, failure=stuck)
    removed = Observed(phase=Phase.REMOVED, exit=Exit(137))
    assert observe(stopping, removed).observed == removed


def test_what_was_written_off_can_only_be_removed() -> None:
    lost = an_allocation(lost=True)
    assert observe(lost, Observed(phase=Phase.COMPLETED, restart=9)) is lost
    assert observe(lost, Observed(phase=Phase.REMOVED)).gone


def test_progress_and_repetition_are_not_noteworthy() -> None:
    before = Observed(phase=Phase.PULLING, message="10 %", sequence=1, at_ms=1)
    assert not noteworthy(
        before, Observed(phase=Phase.PULLING, message="20 %", sequence=2, at_ms=2)
    )
    assert noteworthy(before, Observed(phase=Phase.RUNNING, sequence=2))
    assert noteworthy(Observed(), Observed(health=Health.HEALTHY))


@given(st.lists(observations, max_size=12))
def test_any_sequence_of_reports_only_moves_forward(reports: list[Observed]) -> None:
    allocation = an_allocation(phase=Phase.ASSIGNED, sequence=0)
    for report in reports:
        after = observe(allocation, report)
        if after is allocation:
            continue
        assert not allocation.gone
        assert after.gone or after.observed.stamp > allocation.observed.stamp
        assert not allocation.ended or after.gone
        allocation = after


@given(st.lists(observations, max_size=8), st.randoms())
def test_repeating_and_reordering_reports_of_a_run_ends_at_the_same_place(
    reports: list[Observed], random: object
) -> None:
    def outcome(order: list[Observed]) -> tuple[int, int] | str:
        allocation = an_allocation(phase=Phase.ASSIGNED, sequence=0)
        for report in order:
            allocation = observe(allocation, report)
        return (
            "gone" if allocation.gone else (allocation.observed.restart, allocation.observed.phase)
        )

    living = [report for report in reports if not report.phase.ended]
    shuffled = living * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert outcome(shuffled) == outcome(sorted(living, key=lambda report: report.stamp))
