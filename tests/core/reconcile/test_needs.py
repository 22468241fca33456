"""Where the volumes of a slot are, and that it comes back to them."""

from __future__ import annotations

from typing import Any

import pytest

from cube.core.changes import Assign
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.reconcile.draining import plan_drain
from cube.core.reconcile.needs import home_of
from cube.core.reconcile.slots import SlotsPlan, plan_flight, plan_slots
from cube.core.scheduler.demand import Home
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.allocation import Allocation, Phase
from cube.model.node import Availability, Condition, Node
from cube.model.spec import Volume
from cube.model.task import Task
from cube.model.timing import Instant, Timing
from tests.builders import a_node, a_task, an_allocation

DATA = Volume("data", "/data")
DB = a_task(name="db", volumes=(DATA,))
NOW = Instant(wall_ms=1_000_000, monotonic=1_000.0)
SPREAD = STRATEGIES["spread"]
W1, W2 = a_node("w1"), a_node("w2")


def a_cluster(
    *allocations: Allocation, task: Task = DB, nodes: tuple[Node, ...] = (W1, W2)
) -> Cluster:
    return Cluster(
        Snapshot(cluster_id="c", tasks=[task], nodes=list(nodes), allocations=list(allocations))
    )


def stayed(**fields: Any) -> Allocation:
    """The slot's latest stay: it ran on w2, which was given up."""
    return an_allocation(fields.pop("task", DB), W2, **({"lost": True, "started_ms": 5} | fields))


def planned(cluster: Cluster) -> SlotsPlan:
    (task,) = cluster.tasks.values()
    return plan_slots(cluster, task, [1], strategy=SPREAD, timing=Timing(), now=NOW)


def assigned(cluster: Cluster) -> Allocation:
    (change,) = planned(cluster).changes
    assert isinstance(change, Assign)
    return change.allocation


def test_a_slot_that_ran_with_a_volume_comes_back_to_its_node() -> None:
    stay = assigned(a_cluster(stayed()))
    assert stay.node_id == W2.id
    assert stay.pinned


def test_a_slot_that_never_ran_left_nothing_behind() -> None:
    assert not assigned(a_cluster()).pinned
    stay = assigned(a_cluster(stayed(started_ms=0, phase=Phase.PULLING)))
    assert (stay.node_id, stay.pinned) == (W1.id, False)


def test_a_tied_slot_stays_tied_although_its_next_stay_never_ran() -> None:
    stay = assigned(a_cluster(stayed(started_ms=0, phase=Phase.PULLING, pinned=True)))
    assert (stay.node_id, stay.pinned) == (W2.id, True)


@pytest.mark.parametrize("volumes", [(), (Volume("data", "/data", shared=True),)])
def test_without_a_volume_of_its_own_it_may_go_anywhere(volumes: tuple[Volume, ...]) -> None:
    task = a_task(name="db", volumes=volumes)
    assert assigned(a_cluster(stayed(task=task), task=task)).node_id == W1.id


def test_while_the_node_is_away_it_waits_and_says_where_its_volume_is() -> None:
    lost = a_node("w2", condition=Condition.LOST)
    plan = planned(a_cluster(stayed(), nodes=(W1, lost)))
    assert plan.changes == []
    assert plan.refusal is not None
    assert plan.refusal.sentence() == (
        "no node fits: 1 is lost (w2), 1 lacks the volume data of this slot, kept on w2 (w1)"
    )


def test_several_volumes_are_named() -> None:
    task = a_task(name="db", volumes=(DATA, Volume("log", "/log")))
    lost = a_node("w2", condition=Condition.LOST)
    refusal = planned(a_cluster(stayed(task=task), task=task, nodes=(W1, lost))).refusal
    assert refusal is not None
    assert "volumes data and log of this slot, kept on w2" in refusal.sentence()


def test_a_node_that_was_removed_takes_its_volumes_with_it() -> None:
    cluster = a_cluster(stayed(), nodes=(W1,))
    assert home_of(cluster, DB, cluster.slots(DB.id)[1]) is None
    assert assigned(cluster).node_id == W1.id


def test_the_home_is_told_by_name() -> None:
    cluster = a_cluster(stayed())
    assert home_of(cluster, DB, cluster.slots(DB.id)[1]) == Home(W2.id, "w2", ("data",))


def test_a_drain_leaves_a_tied_slot_where_it_is() -> None:
    draining = a_node("w2", availability=Availability.DRAINING)
    running = an_allocation(DB, W2, started_ms=5)
    cluster = a_cluster(running, nodes=(W1, draining))
    plan = plan_drain(cluster, DB, strategy=SPREAD, timing=Timing(), now=NOW)
    assert (plan.changes, plan.stuck) == ([], True)


def test_a_tied_slot_does_not_flee_where_it_keeps_failing() -> None:
    failing = an_allocation(DB, W2, phase=Phase.EXITED, failures_in_row=9, started_ms=5)
    cluster = a_cluster(failing)
    slot = cluster.slots(DB.id)[1]
    assert plan_flight(cluster, DB, slot, strategy=SPREAD, timing=Timing(), now=NOW) == []
