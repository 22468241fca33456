"""When a relief takes over, and when it is given up."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.changes import Avoid, Change, Unassign
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.reconcile.relief import may_be_relieved, settle_relief
from cube.model.allocation import Allocation, Exit, Failure, FailureKind, Health, Phase
from cube.model.ids import allocation_id
from cube.model.node import Availability, Node
from cube.model.spec import OnDisconnect, TaskSpec, Volume
from cube.model.task import Goal, Task
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import a_node, a_spec, a_task, an_allocation

NOW = Instant(100.0, 9_000)
W1 = a_node("w1", availability=Availability.DRAINING)
W2 = a_node("w2")
OLD = an_allocation(a_task(), W1)


def settled(
    task: Task | None = None,
    *,
    old: Allocation = OLD,
    nodes: tuple[Node, ...] = (W1, W2),
    **relief: Any,
) -> list[Change]:
    task = task or a_task()
    fields = {"phase": Phase.STARTING, "generation": 2, "relieves": OLD.id} | relief
    allocations = [old, an_allocation(task, W2, **fields)]
    cluster = Cluster(
        Snapshot(cluster_id="c1", tasks=[task], nodes=list(nodes), allocations=allocations)
    )
    slot = cluster.slots(task.id)[1]
    assert (slot.latest, slot.relief) == tuple(allocations)
    return settle_relief(cluster, task, slot, DEFAULT_TIMING, NOW)


def given_up(why: str) -> list[Change]:
    return [Unassign(allocation_id(OLD.task_id, 1, 2), why)]


@pytest.mark.parametrize(
    "getting_ready",
    [
        {"phase": Phase.PULLING},
        {"phase": Phase.RUNNING, "health": Health.STARTING},
        {"phase": Phase.EXITED, "failures_in_row": 4},
    ],
)
def test_while_it_gets_ready_the_other_stays(getting_ready: dict[str, Any]) -> None:
    assert settled(**getting_ready) == []


@pytest.mark.parametrize(
    "ready",
    [
        {"phase": Phase.RUNNING},
        {"phase": Phase.RUNNING, "health": Health.HEALTHY},
        {"phase": Phase.COMPLETED},
    ],
)
def test_when_it_is_ready_it_takes_over(ready: dict[str, Any]) -> None:
    assert settled(**ready) == [Unassign(OLD.id, "its node is draining; w2 has taken over")]


def test_it_takes_over_at_once_from_one_that_failed_for_good() -> None:
    missing = Failure(FailureKind.IMAGE_MISSING, "image busybox:latest not found")
    old = an_allocation(a_task(), W1, phase=Phase.FAILED, failure=missing)
    assert settled(old=old) == [Unassign(OLD.id, "image busybox:latest not found; goes on on w2")]


def test_what_has_completed_needs_no_relief() -> None:
    old = an_allocation(a_task(), W1, phase=Phase.COMPLETED)
    assert settled(old=old) == given_up("the one it was to relieve has completed")


def test_a_node_that_is_opened_again_keeps_what_it_has() -> None:
    why = "the one it was to relieve stays: its node is open again"
    assert settled(nodes=(a_node("w1"), W2)) == given_up(why)


def test_a_node_that_is_drained_itself_takes_nothing_over() -> None:
    target = a_node("w2", availability=Availability.DRAINING)
    assert settled(nodes=(W1, target)) == given_up("its own node is draining")


def test_a_task_that_is_stopped_wants_neither() -> None:
    assert settled(a_task(goal=Goal.STOP)) == given_up("its slot is not wanted any more")


def test_a_relief_of_a_former_revision_does_not_take_over() -> None:
    task = a_task(revision=2, template_revision=2)
    found = settled(task, template_revision=1, phase=Phase.RUNNING)
    assert found == given_up("replaced by revision 2")


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (
            {"phase": Phase.FAILED, "failure": Failure(FailureKind.NO_SPACE, "w2 is full")},
            "w2 is full",
        ),
        (
            {"phase": Phase.EXITED, "failures_in_row": 5, "exit": Exit(3)},
            "failed 5 times in a row, exit 3",
        ),
    ],
)
def test_one_that_cannot_get_ready_there_is_tried_elsewhere(seen: dict[str, Any], why: str) -> None:
    assert settled(**seen) == [Avoid(a_task().id, 1, W2.id, 160.0, why), *given_up(why)]


@pytest.mark.parametrize(
    ("spec", "may"),
    [
        (a_spec(), True),
        (a_spec(on_disconnect=OnDisconnect.STOP), False),
        (a_spec(volumes=(Volume("data", "/data"),)), False),
        (a_spec(volumes=(Volume("data", "/data", shared=True),)), False),
        (a_spec(volumes=(Volume("data", "/data", shared=True, read_only=True),)), True),
    ],
)
def test_two_run_beside_each_other_only_where_that_does_no_harm(spec: TaskSpec, may: bool) -> None:
    assert may_be_relieved(spec) is may


def test_without_a_relief_there_is_nothing_to_settle() -> None:
    cluster = Cluster(Snapshot(cluster_id="c1", tasks=[a_task()], nodes=[W1], allocations=[OLD]))
    slot = cluster.slots(OLD.task_id)[1]
    assert settle_relief(cluster, a_task(), slot, DEFAULT_TIMING, NOW) == []
