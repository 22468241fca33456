"""How a slot stands in the light of what its task wants, and the counts kept of that."""

from __future__ import annotations

from typing import Any

import msgspec
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


# -- reliefs ------------------------------------------------------------------------------------------------------

OLD = stay()
RELIEF = stay(generation=2, relieves=OLD.id, phase=Phase.STARTING)


def filled(*allocations: Allocation) -> tuple[Allocation | None, Allocation | None, set[int]]:
    """Who fills the slot, who stands by, and the generations of those that are leaving."""
    slot = Slot(1)
    for one in allocations:
        slot.put(one)
    assert slot.generation == max(one.generation for one in allocations)
    assert [one.generation for one in slot.every] == sorted({one.generation for one in allocations})
    return slot.latest, slot.relief, {one.generation for one in slot.leaving.values()}


def changed(allocation: Allocation, **fields: Any) -> Allocation:
    return msgspec.structs.replace(allocation, **fields)


def test_a_relief_stands_by_in_whatever_order_the_two_are_read() -> None:
    assert filled(OLD, RELIEF) == filled(RELIEF, OLD) == (OLD, RELIEF, set())


@pytest.mark.parametrize("ending", [{"wanted": Wanted.REMOVE}, {"lost": True}])
def test_when_the_other_gives_up_its_place_the_relief_fills_it(ending: dict[str, Any]) -> None:
    ended = changed(OLD, **ending)
    assert filled(OLD, RELIEF, ended) == filled(ended, RELIEF) == (RELIEF, None, {1})


@pytest.mark.parametrize("ending", [{"wanted": Wanted.REMOVE}, {"lost": True}])
def test_a_relief_that_is_given_up_leaves_the_other_where_it_is(ending: dict[str, Any]) -> None:
    ended = changed(RELIEF, **ending)
    assert filled(OLD, RELIEF, ended) == filled(OLD, ended) == (OLD, None, {2})


def test_the_number_of_a_relief_that_was_given_up_is_not_given_again() -> None:
    gone = stay(generation=2, relieves=OLD.id, phase=Phase.REMOVED, wanted=Wanted.REMOVE)
    slot = Slot(1)
    for one in (OLD, gone):
        slot.put(one)
    assert (slot.generation, slot.forgettable) == (2, [])
    slot.put(stay(generation=3, relieves=OLD.id))
    assert slot.forgettable == [gone]


def test_a_slot_is_clear_when_nothing_is_on_its_way_out_or_in() -> None:
    leaving = changed(OLD, wanted=Wanted.REMOVE)
    slots = [Slot(1) for _ in range(4)]
    slots[1].put(leaving)
    for one in (OLD, RELIEF):
        slots[2].put(one)
    for one in (leaving, RELIEF):
        slots[3].put(one)
    assert [slot.clear for slot in slots] == [True, False, False, False]
