"""What the API shows of a cluster, as values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.inputs import Renew
from cube.manager.views import (
    allocation_view,
    event_view,
    moment,
    node_view,
    task_detail,
    task_view,
)
from cube.model.allocation import Exit, Phase
from cube.model.event import EventKind, TaskEvent
from cube.model.node import Usage
from cube.model.resources import Resources
from cube.model.task import TaskState
from cube.wire.views import EventView, ExitView, NodeView, SlotView
from tests.builders import CAPACITY, a_node, a_spec, a_task, an_allocation, node_id, task_id
from tests.world import World

STARTED = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # the World's first instant


@pytest.fixture
def world() -> World:
    return World()


def view_of(world: World, name: str = "web") -> Any:
    return task_view(world.task(name), world.core.cluster, world.now.wall_ms)


def test_a_moment_is_in_utc() -> None:
    assert moment(1_700_000_000_000) == STARTED
    assert moment(1_700_000_000_250).isoformat() == "2023-11-14T22:13:20.250000+00:00"


def test_a_task_is_shown_with_its_state_and_its_slots_in_order(world: World) -> None:
    world.join("w1")
    world.submit(replicas=2, max_per_node=1)
    world.run_all()
    view = view_of(world)
    assert (view.id, view.name, view.image) == (task_id("web"), "web", "busybox:latest")
    assert (view.state, view.ready, view.replicas) == (TaskState.PENDING, 1, 2)
    assert view.spec == a_spec(replicas=2, max_per_node=1)
    assert view.created_at == STARTED
    assert [one.name for one in view.allocations] == ["web.1"]
    [waiting] = view.waiting
    assert waiting == SlotView(name="web.2", slot=2, reason=view.reason.removeprefix("web.2: "))


def test_a_former_stay_is_shown_beside_its_successor_until_it_is_gone(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    name = world.where()[1]
    world.pass_time(5, silent=(name,))
    shown = [(one.generation, one.phase) for one in view_of(world).allocations]
    assert shown == [(1, "lost"), (2, "assigned")]
    world.join(name)
    world.run_all()
    assert [one.generation for one in view_of(world).allocations] == [2]


def test_of_a_former_stay_that_is_gone_nothing_is_shown() -> None:
    task = a_task()
    gone = an_allocation(task, phase=Phase.REMOVED)
    present = an_allocation(task, generation=2)
    snapshot = Snapshot(
        cluster_id="c1", tasks=[task], nodes=[a_node("w1")], allocations=[gone, present]
    )
    view = task_view(task, Cluster(snapshot), now_ms=0)
    assert [one.generation for one in view.allocations] == [2]


def test_an_allocation_is_shown_with_its_node_and_what_was_seen_of_it(world: World) -> None:
    world.join("w1")
    world.submit()
    world.report(
        world.latest(),
        phase=Phase.EXITED,
        restart=2,
        exit=Exit(137),
        retry_in_ms=400,
        container_id="c0ffee",
    )
    [view] = view_of(world).allocations
    assert (view.node, view.phase, view.wanted, view.restarts) == ("w1", "exited", "run", 2)
    assert view.reason == "restart 3 in 400 ms, exit 137 (SIGKILL)"
    assert view.exit == ExitView(code=137, signal="SIGKILL")
    assert (view.container_id, view.address, view.started_at) == ("c0ffee", None, None)
    assert view.assigned_at == view.observed_at == STARTED


def test_an_allocation_of_a_forgotten_node_names_it_by_its_id(world: World) -> None:
    world.submit()
    task = world.task("web")
    gone = replace(an_allocation(task, phase=Phase.REMOVED), lost=True)
    view = allocation_view(gone, task, world.core.cluster, world.now.wall_ms)
    assert (view.node, view.phase) == (node_id("w1"), "removed")


def test_a_task_in_full_has_its_events(world: World) -> None:
    world.submit()
    detail = task_detail(view_of(world), world.events)
    assert detail.name == "web"
    assert [event.kind for event in detail.events] == [event.kind for event in world.events]
    assert detail.events


def test_an_event_does_not_speak_of_what_it_is_not_about() -> None:
    event = TaskEvent(
        revision=3, at_ms=1_700_000_000_000, kind=EventKind.MANAGER_HELD, message="held"
    )
    assert event_view(event) == EventView(
        revision=3,
        at=STARTED,
        kind=EventKind.MANAGER_HELD,
        message="held",
        code="",
        task_id=None,
        task=None,
        slot=None,
        generation=None,
        node_id=None,
        node=None,
    )


def test_a_node_is_shown_with_what_is_reserved_used_and_how_long_ago_it_was_heard(
    world: World,
) -> None:
    world.join("w1", labels={"zone": "eu-1"}, extras={"gpu": 4})
    world.submit(replicas=2, cpu_millis=250, extras_millis={"gpu": 500})
    usage = Usage(cpu_millis=10)
    world.tell(Renew(node_id("w1"), 1, usage=usage))
    node = world.core.cluster.nodes[node_id("w1")]
    later = replace(world.now, monotonic=world.now.monotonic + 1.5)
    assert node_view(node, world.core, later) == NodeView(
        id=node_id("w1"),
        name="w1",
        address="",
        condition=node.condition,
        availability=node.availability,
        connected=True,
        runtime="docker",
        runtime_error="",
        engine_version="",
        cube_version="",
        platform="linux/amd64",
        labels={"zone": "eu-1"},
        capacity=CAPACITY,
        reserved=Resources(cpu_millis=500),
        extras={"gpu": 4},
        extras_reserved_millis={"gpu": 1000},
        usage=usage,
        allocations=2,
        heard_ms_ago=1_500,
        joined_at=STARTED,
    )


def test_a_node_that_was_given_up_is_not_heard(world: World) -> None:
    world.join("w1")
    world.pass_time(5, silent=("w1",))
    view = node_view(world.core.cluster.nodes[node_id("w1")], world.core, world.now)
    assert (view.condition, view.connected, view.heard_ms_ago) == ("lost", False, None)
