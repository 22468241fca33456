"""Which container is meant by a task's name."""

from __future__ import annotations

from cube.core.reach import OutOfReach, Within, reach
from cube.model.allocation import Phase
from tests.world import World


def running(replicas: int, *numbers: int) -> World:
    world = World()
    world.join("w1", "w2")
    world.submit(replicas=replicas)
    for allocation in list(world.core.cluster.allocations.values()):
        if allocation.slot in numbers:
            world.report(allocation, phase=Phase.RUNNING, container_id=f"c{allocation.slot}")
    return world


def meant(world: World, slot: int | None = None, *, any_slot: bool = True) -> Within | OutOfReach:
    return reach(world.core.cluster, world.task("web"), slot, any_slot=any_slot)


def test_the_only_slot_is_meant() -> None:
    found = meant(running(1, 1), any_slot=False)

    assert isinstance(found, Within)
    assert (found.name, found.chosen) == ("web.1", False)


def test_the_first_that_runs_is_chosen_among_several() -> None:
    found = meant(running(3, 2, 3))

    assert isinstance(found, Within)
    assert (found.name, found.chosen) == ("web.2", True)


def test_one_of_several_is_not_chosen_where_it_matters() -> None:
    found = meant(running(3, 2, 3), any_slot=False)

    assert isinstance(found, OutOfReach)
    assert "3 slots" in found.message
    assert found.hint == "name one: web.2, web.3"


def test_a_slot_is_meant_by_its_number() -> None:
    found = meant(running(3, 1, 2), 2, any_slot=False)

    assert isinstance(found, Within)
    assert (found.allocation.slot, found.chosen) == (2, False)


def test_a_slot_that_does_not_run_is_out_of_reach() -> None:
    found = meant(running(3, 1), 3)

    assert isinstance(found, OutOfReach)
    assert found.message == "web.3 does not run just now"


def test_a_task_of_which_nothing_runs_is_out_of_reach() -> None:
    found = meant(running(1))

    assert isinstance(found, OutOfReach)
    assert found.message == "nothing of task web runs just now"


def test_a_lost_one_is_out_of_reach() -> None:
    world = running(1, 1)
    world.pass_time(3.0, silent=("w1", "w2"))
    assert isinstance(meant(world), Within)

    world.pass_time(3.0, silent=("w1", "w2"))

    assert isinstance(meant(world), OutOfReach)
