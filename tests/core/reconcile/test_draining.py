"""What leaves a draining node next, and how: whole stories of one task, and the plans in between."""

from __future__ import annotations

import pytest

from cube.core.inputs import Scale, SetAvailability, Tick
from cube.model.allocation import Failure, FailureKind, Health, Phase
from cube.model.event import EventKind
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import OnDisconnect
from tests.builders import node_id, task_id
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


def drain(world: World, name: str = "w1", patience: float | None = None) -> None:
    world.tell(SetAvailability(node_id(name), Availability.DRAINING, patience))


def reliefs(world: World) -> dict[int, str]:
    """The node of each relief, by slot."""
    return {
        number: world.core.cluster.nodes[slot.relief.node_id].name
        for number, slot in world.core.cluster.slots(task_id("web")).items()
        if slot.relief
    }


def test_another_is_ready_before_one_stops(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    drain(world)
    assert (world.where(), reliefs(world)) == ({1: "w1", 2: "w2"}, {1: "w2"})
    assert world.orders[node_id("w1")] == []

    world.run_all("w2")

    assert (world.where(), reliefs(world)) == ({1: "w2", 2: "w2"}, {})
    assert world.summary().ready == 2
    assert [type(order).__name__ for order in world.orders[node_id("w1")]] == ["Remove"]


def test_at_no_moment_fewer_are_ready_than_were_asked_for(world: World) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=9)
    world.run_all()
    drain(world)
    while "w1" in world.where().values():
        assert world.summary().ready == 9
        world.obey_one()
    assert world.summary().ready == 9


def test_an_unhealthy_relief_takes_nothing_over(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all("w1")
    drain(world, "w1")
    world.run_all("w2", health=Health.STARTING)
    assert (world.where(), reliefs(world)) == ({1: "w1"}, {1: "w2"})


def test_a_tenth_of_the_replicas_moves_at_once(world: World) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=60)
    world.run_all()
    drain(world)
    assert len(reliefs(world)) == 6


def test_no_more_than_twenty_of_all_tasks_move_at_once(world: World) -> None:
    world.join("w1")
    for number in range(30):
        world.submit(f"t{number}")
    world.run_all()
    world.join("w2", "w3")
    drain(world)
    assert len(world.core.cluster.reliefs) == 20
    world.run_all()
    assert {node for n in range(30) for node in world.where(f"t{n}").values()} <= {"w2", "w3"}


def test_what_must_not_run_twice_leaves_one_by_one_while_all_others_work(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=4, on_disconnect=OnDisconnect.STOP)
    world.run_all()
    drain(world)
    assert (len(world.orders[node_id("w1")]), reliefs(world)) == (1, {})
    assert world.summary().ready == 3
    world.run_all()
    assert set(world.where().values()) == {"w2"}


def test_what_fits_nowhere_moves_when_there_is_room(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    drain(world)
    assert (world.where(), reliefs(world)) == ({1: "w1"}, {})
    world.join("w2")
    world.run_all()
    assert world.where() == {1: "w2"}


def test_a_restarted_manager_goes_on_with_the_drain(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    drain(world)
    stays = tuple(world.core.cluster.allocations)
    world.restart_manager()
    assert (world.where(), reliefs(world)) == ({1: "w1"}, {1: "w2"})
    world.join("w1", holding=stays[:1])
    world.join("w2", holding=stays[1:])
    world.run_all()
    assert world.where() == {1: "w2"}


def test_a_relief_that_fails_is_tried_elsewhere_under_a_number_of_its_own(world: World) -> None:
    world.join("w1", "w2", "w3")
    world.submit()
    world.run_all()
    drain(world)
    first = world.core.cluster.slots(task_id("web"))[1].relief
    assert first is not None
    world.report(first, phase=Phase.FAILED, failure=Failure(FailureKind.NO_SPACE, "it is full"))
    world.run_all()
    latest = world.latest()
    assert (latest.generation, latest.node_id != first.node_id) == (3, True)


def test_a_lost_relief_is_replaced_and_a_lost_origin_makes_it_the_successor(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    drain(world)
    world.pass_time(10, silent=("w1",))
    assert (world.where(), world.latest().generation, reliefs(world)) == ({1: "w2"}, 2, {})


def test_scaling_down_takes_the_relief_with_it(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=1)
    world.run_all()
    drain(world)
    world.tell(Scale(task_id("web"), 0))
    world.run_all()
    assert (world.where(), reliefs(world)) == ({}, {})


def test_uncordoning_takes_back_what_has_not_moved(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    drain(world)
    world.tell(SetAvailability(node_id("w1"), Availability.ACTIVE))
    world.run_all()
    assert (world.where(), reliefs(world)) == ({1: "w1"}, {})
    drain(world)
    world.run_all()
    assert (world.where(), world.latest().generation) == ({1: "w2"}, 3)


def test_what_is_left_at_the_deadline_is_stopped(world: World) -> None:
    small = Resources(1_000, 2**30)
    world.join("w1", "w2", capacity=small)
    world.submit(replicas=2, cpu_millis=800)
    world.run_all()
    drain(world, patience=600)
    world.pass_time(599)
    assert world.where() == {1: "w1", 2: "w2"}
    world.restart_manager()
    for name, slot in (("w1", 1), ("w2", 2)):
        world.join(name, capacity=small, holding=(world.latest(slot=slot).id,))
    world.pass_time(3)
    world.run_all()
    assert world.where() == {2: "w2"}
    assert "1 is draining (w1)" in world.summary().reason


def test_a_drain_by_force_stops_at_once(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    drain(world, patience=0)
    world.tell(Tick())
    assert len(world.orders[node_id("w1")]) == 1


def test_an_empty_node_is_told_once(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    drain(world)
    assert not world.told(EventKind.NODE_DRAINED)
    world.run_all()
    world.pass_time(5)
    [event] = world.told(EventKind.NODE_DRAINED)
    assert (event.node, event.message) == ("w1", "nothing that runs is left on it")
