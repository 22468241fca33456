"""How a slot stands in the light of what its task wants, and the counts kept of that."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.roster import Roster, Slot, Standing, settled, standing_of
from cube.model.allocation import Allocation, Failure, FailureKind, Health, Phase, Wanted
from cube.model.task import Goal, Task
from tests.builders import a_node, a_task, an_allocation, node_id

REVISED = a_task(revision=3, template_revision=3)


def a_slot(latest: Allocation | None = None, number: int = 1) -> Slot:
    slot = Slot(number)
    slot.latest = latest
    return slot


def stay(task: Task | None = None, **fields: Any) -> Allocation:
    return an_allocation(task or a_task(), a_node("w1"), **fields)


def failed(kind: FailureKind) -> Allocation:
    return stay(phase=Phase.FAILED, failure=Failure(kind, "no"))


@pytest.mark.parametrize(
    ("latest", "standing"),
    [
        (None, Standing.VACANT),
        (stay(phase=Phase.ASSIGNED), Standing.ASSIGNED),
        (stay(phase=Phase.STARTING), Standing.ASSIGNED),
        (stay(phase=Phase.RUNNING), Standing.READY),
        (stay(phase=Phase.RUNNING, health=Health.HEALTHY), Standing.READY),
        (stay(phase=Phase.RUNNING, health=Health.STARTING), Standing.UNREADY),
        (stay(phase=Phase.EXITED), Standing.ASSIGNED),
        (stay(phase=Phase.COMPLETED), Standing.COMPLETED),
        (stay(phase=Phase.FAILED), Standing.FAILED),
        (failed(FailureKind.IMAGE_MISSING), Standing.FAILED),
        (failed(FailureKind.PORT_TAKEN), Standing.VACANT),
        (stay(phase=Phase.REMOVED), Standing.VACANT),
        (stay(phase=Phase.RUNNING, lost=True), Standing.VACANT),
        (stay(phase=Phase.RUNNING, wanted=Wanted.REMOVE), Standing.VACANT),
    ],
)
def test_a_wanted_slot_stands_as_its_latest_allocation_does(
    latest: Allocation | None, standing: Standing
) -> None:
    assert standing_of(a_slot(latest), a_task()) is standing


@pytest.mark.parametrize(
    ("phase", "standing"),
    [
        (Phase.RUNNING, Standing.READY),  # replaced in its turn
        (Phase.COMPLETED, Standing.VACANT),
        (Phase.FAILED, Standing.VACANT),
    ],
)
def test_a_new_template_gives_what_has_ended_another_try(phase: Phase, standing: Standing) -> None:
    assert standing_of(a_slot(stay(phase=phase)), REVISED) is standing


@pytest.mark.parametrize("task", [a_task(replicas=1), a_task(replicas=2, goal=Goal.STOP)])
def test_a_slot_beyond_the_replicas_is_unwanted_whatever_runs_in_it(task: Task) -> None:
    assert standing_of(a_slot(stay(slot=2), number=2), task) is Standing.UNWANTED


def test_the_counts_follow_a_slot_from_standing_to_standing() -> None:
    roster = Roster()
    slot = roster.slot(1)
    assert roster.count(Standing.UNWANTED) == 1
    for latest, standing in (
        (None, Standing.VACANT),
        (stay(phase=Phase.ASSIGNED), Standing.ASSIGNED),
        (stay(phase=Phase.RUNNING), Standing.READY),
    ):
        slot.latest = latest
        roster.recount(slot, a_task())
        assert roster.count(standing) == sum(roster.standings) == 1


def test_what_runs_counts_as_running_whether_it_is_ready_or_not() -> None:
    roster = Roster()
    for number, latest in enumerate(
        (
            stay(phase=Phase.RUNNING),
            stay(phase=Phase.RUNNING, health=Health.UNHEALTHY),
            stay(phase=Phase.PULLING),
        ),
        start=1,
    ):
        slot = roster.slot(number)
        slot.latest = latest
        roster.recount(slot, a_task(replicas=3))
    assert roster.running == 2


def test_a_slot_keeps_its_identity() -> None:
    roster = Roster()
    assert roster.slot(3) is roster.slot(3)
    assert sum(roster.standings) == 1


def test_the_reason_for_waiting_is_gone_with_the_waiting() -> None:
    roster = Roster()
    slot = roster.slot(1)
    slot.waiting = "no node fits"
    roster.recount(slot, a_task())
    assert slot.waiting == "no node fits"
    slot.latest = stay(phase=Phase.ASSIGNED)
    roster.recount(slot, a_task())
    assert slot.waiting == ""


def test_a_live_allocation_of_an_older_template_is_outdated_until_it_is_ordered_away() -> None:
    roster = Roster()
    slot = roster.slot(1)
    slot.latest = stay(phase=Phase.RUNNING)
    roster.recount(slot, REVISED)
    assert roster.outdated == {1}
    slot.latest = stay(phase=Phase.RUNNING, wanted=Wanted.REMOVE)
    roster.recount(slot, REVISED)
    assert roster.outdated == set()


def test_an_allocation_of_the_present_template_is_not_outdated() -> None:
    roster = Roster()
    slot = roster.slot(1)
    slot.latest = stay(REVISED, phase=Phase.RUNNING)
    roster.recount(slot, REVISED)
    assert roster.outdated == set()


def test_an_avoided_node_is_avoided_until_its_time_is_over() -> None:
    slot = a_slot()
    slot.avoid = {node_id("w1"): (10.0, "port taken"), node_id("w2"): (20.0, "full")}
    assert slot.avoided(9.9).keys() == {node_id("w1"), node_id("w2")}
    assert slot.avoided(10.0) == {node_id("w2"): (20.0, "full")}


def test_a_slot_without_a_stay_is_of_no_generation() -> None:
    assert a_slot().generation == 0
    assert a_slot(stay(generation=4)).generation == 4


def test_a_task_is_settled_when_it_was_stopped_and_nothing_is_left() -> None:
    roster = Roster()
    assert settled(a_task(goal=Goal.STOP), roster)
    assert not settled(a_task(), roster)
    roster.present = 1
    assert not settled(a_task(goal=Goal.STOP), roster)
