"""Defects of the manager that simulated histories brought to light, each as the shortest story that shows it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core.effects import Welcomed
from cube.core.inputs import Apply, Connect, Disconnect, RemoveNode, SetAvailability
from cube.core.lifecycle import observe
from cube.model.allocation import Exit, Failure, FailureKind, Observed, Phase
from cube.model.node import Availability, Facts
from cube.model.orders import Remove
from cube.model.spec import Port
from cube.model.task import TaskState
from tests.builders import a_spec, an_allocation, node_id, task_id
from tests.world import World

TAKEN = Failure(FailureKind.PORT_TAKEN, "port 8080 is taken")


@pytest.fixture
def world() -> World:
    return World()


def test_a_node_that_was_forgotten_and_comes_back_finds_what_it_held_on_record(
    world: World,
) -> None:
    world.join("w1")
    world.submit(ports=(Port(80, 8080),))
    world.run_all()
    held = world.latest()
    world.epochs.clear()
    world.pass_time(5)
    world.tell(RemoveNode(node_id("w1")))

    world.join("w1", holding=(held.id,))

    assert held.id in {order.id for order in world.orders[node_id("w1")]}
    world.run_all()  # the invariants are checked on the way: it is removed, its port is free again
    assert world.latest().ready


def test_two_replicas_that_avoid_different_nodes_do_not_get_the_same_host_port(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2, ports=(Port(80, 8080),))
    for slot in (1, 2, 1, 2):  # each on both nodes
        world.report(world.latest(slot=slot), phase=Phase.FAILED, failure=TAKEN)
        world.run_all()
    assert world.where() == {}

    world.join("w3")

    assert [name for name in world.where().values() if name == "w3"] == ["w3"]


def test_a_stop_is_done_although_a_completed_container_is_left_on_a_lost_node(
    world: World,
) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.COMPLETED, exit=Exit(0))
    world.epochs.clear()
    world.pass_time(5)

    world.stop(world.task("web").name)

    assert world.summary().state is TaskState.COMPLETED
    world.join("w1", holding=(world.latest().id,))
    (order,) = world.orders[node_id("w1")]
    assert isinstance(order, Remove)


def test_a_new_revision_passes_replicas_that_have_completed(world: World) -> None:
    world.join("w1")
    world.submit(replicas=3)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=3, image="busybox:2")))
    while not world.latest(slot=1).ready or world.latest(slot=1).generation == 1:
        world.obey_one()
    world.report(world.latest(slot=1), phase=Phase.COMPLETED, exit=Exit(0))

    world.run_all()

    assert [world.latest(slot=slot).generation for slot in (1, 2, 3)] == [2, 2, 2]


def test_what_is_reported_of_a_removed_allocation_is_ordered_away(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    held = world.latest()
    world.stop("web")
    world.run_all()
    assert world.latest().gone

    world.report(held, phase=Phase.CREATING)

    assert [order.id for order in world.orders[node_id("w1")]] == [held.id]


def test_two_workers_of_a_node_that_was_removed_are_counted_anew_and_refused_again(
    world: World,
) -> None:
    def let_in(incarnation: str) -> bool:
        facts = Facts(name="w1")
        hello = Connect(
            node_id=node_id("w1"), cluster_id="c1", facts=facts, incarnation=incarnation
        )
        return isinstance(world.tell(hello).answer, Welcomed)

    assert [let_in(who) for who in "ababa"] == [True, True, True, True, False]
    world.tell(RemoveNode(node_id("w1")))

    assert [let_in(who) for who in "ababab"] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    "later",
    [
        Observed(phase=Phase.EXITED, restart=1, epoch=9, failure=TAKEN),
        Observed(phase=Phase.FAILED, restart=1, exit=Exit(255)),
        Observed(phase=Phase.REMOVED, restart=1, exit=Exit(255)),
        Observed(phase=Phase.REMOVED, restart=0, exit=Exit(255)),
    ],
    ids=["exited again", "failed", "removed", "removed, and an older run is told"],
)
def test_a_recorded_exit_does_not_change(later: Observed) -> None:
    ended = an_allocation(phase=Phase.EXITED, restart=1, exit=Exit(3))

    after = observe(ended, replace(later, sequence=9)).observed

    assert (after.phase, after.restart, after.exit) == (later.phase, 1, Exit(3))


def test_a_forgotten_node_that_returns_reserves_nothing_for_what_is_over() -> None:
    world = World()
    world.join("w1")
    world.submit(cpu_millis=500)
    world.run_all()
    world.report(world.latest(), phase=Phase.COMPLETED, exit=Exit(0))
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    world.pass_time(5)
    world.tell(RemoveNode(node_id("w1")))
    world.join("w1", holding=(world.latest().id,))
    assert world.core.cluster.reserved(node_id("w1")).cpu_millis == 0
    assert world.summary().state is TaskState.COMPLETED


def test_who_reports_beside_a_relief_that_stands_by_is_not_planned_for_it(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.join("w2")
    world.submit("db", constraints=("node.name==w2",))
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    assert world.core.cluster.reliefs
    before = world.live_ids()

    for _ in range(2):
        for name in ("web", "db"):
            world.report(world.latest(name), phase=Phase.RUNNING, paused=True)

    assert world.live_ids() == before


def test_what_loses_its_relief_with_its_node_leaves_the_draining_node_all_the_same(
    world: World,
) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.join("w2")
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    relief = world.core.cluster.slots(task_id("web"))[1].relief
    assert relief is not None
    assert relief.node_id == node_id("w2")
    world.join("w3")

    world.pass_time(5, silent=("w2",))
    world.run_all("w3")

    assert world.where() == {1: "w3"}
