"""An excerpt is the cluster's own picture, and nothing that is done to it is done to the cluster."""

from __future__ import annotations

from cube.core.excerpt import Excerpt, excerpt_of
from cube.core.invariants import violations
from cube.core.roster import Standing
from cube.model.allocation import Phase, Wanted
from cube.model.spec import Port, Preference, Volume
from cube.model.task import Task
from tests.builders import GIB, a_spec, node_id, task_id
from tests.world import World


def taken(world: World, task: Task) -> Excerpt:
    return excerpt_of(world.core.cluster, task, strategy="spread", now=world.now)


def test_slots_that_would_be_there_are_in_it_beside_those_that_are() -> None:
    world = World()
    world.join("w1")
    task = world.submit("web", replicas=1)
    seen = taken(world, a_copy(task, replicas=2))

    assert [(slot.number, slot.standing) for slot in seen.slots] == [
        (1, Standing.ASSIGNED),
        (2, Standing.VACANT),
    ]
    assert seen.slots[0].reason == "waiting for its worker"
    assert seen.name_of(2) == "web.2"
    assert (seen.node_name(node_id("w1")), seen.node_name(node_id("gone"))) == (
        "w1",
        node_id("gone"),
    )


def test_it_knows_the_replicas_and_ports_that_placing_the_task_depends_on() -> None:
    world = World()
    world.join("w1", "w2")
    world.submit("db", replicas=1)
    world.submit("other", replicas=1)
    ports = (Port(80, host_port=8080),)
    task = world.submit("web", replicas=1, ports=ports, prefer=(Preference(near="db"),))
    copy, real = taken(world, task).inventory, world.core.cluster.inventory

    for name in ("web", "db"):
        assert dict(copy.replicas(task_id(name))) == dict(real.replicas(task_id(name))) != {}
    assert dict(copy.replicas(task_id("other"))) == {}
    assert dict(copy.holders((8080, ports[0].protocol))) != {}
    assert list(copy.count) == list(real.count)


def test_what_is_written_to_it_leaves_the_cluster_as_it_was() -> None:
    world = World()
    world.join("w1", extras={"gpu": 2})
    task = world.submit("web", memory_bytes=GIB, extras_millis={"gpu": 1000})
    copy = taken(world, task).inventory
    [allocation] = world.core.cluster.allocations.values()
    copy.let_go(*allocation.holding)
    copy.chosen(node_id("w1"), 99)
    copy.drop(node_id("w1"))

    assert violations(world.core.cluster) == []
    assert world.core.cluster.inventory.last_placed[0] != 99


def test_a_slot_brings_what_it_avoids_its_home_and_whether_it_is_leaving() -> None:
    world = World()
    world.join("w1", "w2")
    task = world.submit("db", volumes=(Volume("data", "/data"),))
    [allocation] = world.core.cluster.allocations.values()
    world.report(allocation, phase=Phase.RUNNING, started_ms=1)
    slot = world.core.cluster.slots(task.id)[1]
    slot.avoid_node(node_id("w2"), world.now.monotonic + 1, "it failed there")
    slot.avoid_node(node_id("w1"), world.now.monotonic - 1, "long ago")
    [seen] = taken(world, task).slots

    assert dict(seen.avoid) == {node_id("w2"): "it failed there"}
    assert seen.home is not None
    assert seen.home.node_name == "w1"
    assert not seen.leaving
    world.stop("db")
    [seen] = taken(world, world.task("db")).slots
    assert seen.latest is not None
    assert (seen.latest.wanted, seen.leaving, seen.standing) == (
        Wanted.REMOVE,
        True,
        Standing.UNWANTED,
    )


def a_copy(task: Task, **fields: object) -> Task:
    return Task(id=task.id, spec=a_spec(name=task.name, **fields), revision=task.revision + 1)
