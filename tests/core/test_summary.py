"""What people read of a task and of an allocation."""

from __future__ import annotations

import pytest

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.inputs import Stop
from cube.core.summary import describe, state_of
from cube.model.allocation import Allocation, Exit, Failure, FailureKind, Health, Phase, Wanted
from cube.model.event import EventKind
from cube.model.task import TaskState
from tests.builders import a_spec, an_allocation, task_id
from tests.world import World

LINES = [
    (an_allocation(phase=Phase.ASSIGNED), "waiting for its worker"),
    (
        an_allocation(phase=Phase.PULLING, message="pulling nginx:1.27, 43 %"),
        "pulling nginx:1.27, 43 %",
    ),
    (an_allocation(phase=Phase.STARTING), "starting"),
    (an_allocation(phase=Phase.RUNNING), ""),
    (an_allocation(phase=Phase.RUNNING, health=Health.HEALTHY, message="200 OK"), ""),
    (
        an_allocation(
            phase=Phase.RUNNING, health=Health.UNHEALTHY, message="unhealthy: GET /: 500"
        ),
        "unhealthy: GET /: 500",
    ),
    (
        an_allocation(
            phase=Phase.EXITED, restart=4, exit=Exit(137, True), retry_in_ms=12_000, at_ms=1_000
        ),
        "restart 5 in 12 s, exit 137 (out of memory)",
    ),
    (an_allocation(phase=Phase.COMPLETED, exit=Exit(0)), "exit 0"),
    (an_allocation(phase=Phase.FAILED, exit=Exit(143)), "exit 143 (SIGTERM)"),
    (
        an_allocation(
            phase=Phase.FAILED, failure=Failure(FailureKind.IMAGE_MISSING, "image nope:1 not found")
        ),
        "image nope:1 not found",
    ),
    (
        an_allocation(phase=Phase.FAILED, exit=Exit(1), message="gave up after 3 restarts: exit 1"),
        "gave up after 3 restarts: exit 1",
    ),
    (
        an_allocation(phase=Phase.STOPPING, message="unhealthy: GET /: 500"),
        "stopping: unhealthy: GET /: 500",
    ),
    (an_allocation(wanted=Wanted.REMOVE, why_removed="scaled down"), "stopping: scaled down"),
    (
        an_allocation(
            wanted=Wanted.REMOVE, why_removed="port 80 is taken", message="port 80 is taken"
        ),
        "stopping: port 80 is taken",
    ),
    (
        an_allocation(wanted=Wanted.REMOVE, why_removed="scaled down", message="engine away"),
        "stopping: scaled down; engine away",
    ),
    (an_allocation(phase=Phase.RUNNING, paused=True, message="paused"), "paused"),
    (an_allocation(lost=True, why_removed="node w1 was lost"), "node w1 was lost"),
    (an_allocation(phase=Phase.REMOVED, why_removed="scaled down"), "scaled down"),
    (an_allocation(phase=Phase.REMOVED, exit=Exit(1)), "exit 1"),
]


@pytest.mark.parametrize(("allocation", "line"), LINES, ids=[line or "well" for _, line in LINES])
def test_an_allocation_is_described_in_one_line(allocation: Allocation, line: str) -> None:
    assert describe(allocation, Cluster(Snapshot(cluster_id="c1")), now_ms=1_000) == line


def test_the_state_is_that_of_the_slot_that_most_needs_attention() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=3, max_per_node=2)
    world.run_all()
    assert world.summary().state is TaskState.PENDING
    assert world.summary().reason.startswith("web.3: no node fits")
    assert world.summary().ready == 2
    world.join("w2")
    world.run_all()
    assert world.summary().state is TaskState.RUNNING
    assert world.summary().reason == ""
    world.report(world.latest(slot=1), phase=Phase.RUNNING, restart=1, health=Health.UNHEALTHY)
    assert world.summary().reason == "web.1: unhealthy"
    assert world.summary().ready == 2


def test_a_paused_container_does_not_do_its_work() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.RUNNING, paused=True, message="paused outside cube")
    assert (world.summary().state, world.summary().ready) == (TaskState.RUNNING, 0)
    assert world.summary().reason == "paused outside cube"


def test_a_stop_that_does_not_come_to_its_end_says_why() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=2)
    world.run_all()
    world.tell(Stop(task_id("web")))
    assert world.summary().reason == "stopping, 2 containers left"
    stuck = Failure(FailureKind.STUCK, "container abc is stuck")
    world.report(world.latest(slot=2), phase=Phase.STOPPING, failure=stuck, message=stuck.message)
    reason = "stopping, 2 containers left; web.2: container abc is stuck"
    assert world.summary().reason == reason


def test_a_task_scaled_to_nothing_is_complete_and_says_so() -> None:
    world = World()
    world.submit_spec(a_spec(replicas=0))
    assert world.summary().state is TaskState.COMPLETED
    assert world.summary().reason == "scaled to 0"


def test_each_change_of_state_is_told_once_with_its_reason() -> None:
    world = World()
    world.submit(replicas=2)
    world.join("w1")
    world.run_all()
    world.stop("web")
    world.run_all()
    told = [event.code for event in world.told(EventKind.TASK_STATE)]
    assert told == ["pending", "scheduled", "running", "completed"]
    roster = world.core.cluster.rosters[task_id("web")]
    assert state_of(world.task("web"), roster) is TaskState.COMPLETED
