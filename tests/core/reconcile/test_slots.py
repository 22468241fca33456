"""The plans of one task, compared as whole values before anything happens."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cube.core.changes import Assign, Avoid, Change, Unassign, Wait
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.reconcile.draining import plan_drain
from cube.core.reconcile.rolling import plan_update
from cube.core.reconcile.slots import SlotsPlan, plan_flight, plan_slots, refused
from cube.core.scheduler.spread import spread
from cube.model.allocation import Allocation, Exit, Failure, FailureKind, Health, Phase, Wanted
from cube.model.ids import NodeId
from cube.model.node import Availability, Node
from cube.model.resources import Resources
from cube.model.spec import OnDisconnect, Port, Protocol
from cube.model.task import Goal, Task
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import a_node, a_task, an_allocation

NOW = Instant(100.0, 9_000)
W1, W2 = a_node("w1"), a_node("w2")
TAKEN = Failure(FailureKind.PORT_TAKEN, "port 8080 is taken on w1")


def a_cluster(task: Task, *allocations: Allocation, nodes: tuple[Node, ...] = (W1, W2)) -> Cluster:
    return Cluster(
        Snapshot(cluster_id="c1", tasks=[task], nodes=list(nodes), allocations=list(allocations))
    )


def planned(
    cluster: Cluster, task: Task, *numbers: int, only: frozenset[NodeId] | None = None
) -> SlotsPlan:
    plan = plan_slots(
        cluster,
        task,
        numbers or cluster.slots(task.id),
        strategy=spread,
        timing=DEFAULT_TIMING,
        now=NOW,
        only=only,
    )
    plan.changes = [_unexplained(change) for change in plan.changes]
    return plan


def _unexplained(change: Change) -> Change:
    """Without the phrase that says why that node: `tests/core/scheduler/test_place.py` is about it."""
    return replace(change, why="") if isinstance(change, Assign) else change


def moves(cluster: Cluster, task: Task) -> list[Change]:
    return (
        plan_update(cluster, task, strategy=spread)
        or plan_drain(cluster, task, strategy=spread, timing=DEFAULT_TIMING, now=NOW).changes
    )


def flight(cluster: Cluster, task: Task) -> list[Change]:
    slot = cluster.slots(task.id)[1]
    return plan_flight(cluster, task, slot, strategy=spread, timing=DEFAULT_TIMING, now=NOW)


def new(task: Task, node: Node, **fields: Any) -> Allocation:
    """A stay as it is when it was just decided upon."""
    fields = {"phase": Phase.ASSIGNED, "sequence": 0, "assigned_ms": 9_000} | fields
    return an_allocation(task, node, **fields)


# -- places -------------------------------------------------------------------------------------------------------


def test_every_vacant_slot_gets_a_stay_that_holds_what_the_spec_asks_for() -> None:
    task = a_task(replicas=2, cpu_millis=500, ports=(Port(80, 8080),))
    assert planned(a_cluster(task), task) == SlotsPlan(
        changes=[Assign(new(task, W1, slot=1)), Assign(new(task, W2, slot=2))]
    )
    assert new(task, W1).host_ports == ((8080, Protocol.TCP),)


def test_only_the_slots_asked_about_are_planned() -> None:
    task = a_task(replicas=3)
    assert planned(a_cluster(task), task, 2) == SlotsPlan(changes=[Assign(new(task, W1, slot=2))])


def test_an_applied_plan_asks_for_nothing_more() -> None:
    task = a_task(replicas=3)
    cluster = a_cluster(task)
    for change in planned(cluster, task).changes:
        cluster.apply(change, NOW.wall_ms)
    assert planned(cluster, task) == SlotsPlan()


def test_a_lost_stay_is_followed_by_the_next_generation_at_once() -> None:
    task = a_task()
    lost = an_allocation(task, W1, generation=4, lost=True)
    cluster = a_cluster(task, lost, nodes=(W2,))
    assert planned(cluster, task) == SlotsPlan(changes=[Assign(new(task, W2, generation=5))])


def test_a_successor_waits_for_the_former_container_to_be_gone() -> None:
    task = a_task()
    leaving = an_allocation(task, W1, wanted=Wanted.REMOVE)
    assert planned(a_cluster(task, leaving), task) == SlotsPlan()


def test_a_successor_of_what_has_ended_waits_for_nothing() -> None:
    task = a_task()
    ended = an_allocation(task, W1, wanted=Wanted.REMOVE, phase=Phase.COMPLETED)
    plan = planned(a_cluster(task, ended), task)
    assert plan == SlotsPlan(changes=[Assign(new(task, W1, generation=2))])


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.EXITED, Phase.COMPLETED, Phase.FAILED])
def test_a_slot_that_runs_or_has_done_its_work_is_left_alone(phase: Phase) -> None:
    task = a_task()
    assert planned(a_cluster(task, an_allocation(task, W1, phase=phase)), task) == SlotsPlan()


def test_what_finds_no_place_waits_with_the_reason() -> None:
    task = a_task(replicas=3, max_per_node=1)
    plan = planned(a_cluster(task), task)
    assert plan.changes == [Assign(new(task, W1, slot=1)), Assign(new(task, W2, slot=2))]
    assert (plan.unplaced, plan.look_again_at) == ([3], None)
    assert plan.refusal
    wait = refused(task, plan.unplaced, plan.refusal)
    assert wait == Wait(task.id, (3,), plan.refusal.sentence(), tuple(plan.refusal.codes()))
    assert wait.codes


def test_only_the_freed_nodes_are_looked_at_for_what_the_others_refused() -> None:
    task = a_task()
    plan = planned(a_cluster(task), task, only=frozenset({W2.id}))
    assert plan.changes == [Assign(new(task, W2))]


# -- orders away --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "slot", "why"),
    [
        (a_task(replicas=1), 2, "scaled down"),
        (a_task(goal=Goal.STOP), 1, "stopped by the user"),
    ],
)
def test_what_runs_in_an_unwanted_slot_is_ordered_away_once(
    task: Task, slot: int, why: str
) -> None:
    running = an_allocation(task, W1, slot=slot)
    cluster = a_cluster(task, running)
    assert planned(cluster, task, slot) == SlotsPlan(changes=[Unassign(running.id, why)])
    cluster.apply(Unassign(running.id, why), NOW.wall_ms)
    assert planned(cluster, task, slot) == SlotsPlan()


@pytest.mark.parametrize("fields", [{"lost": True}, {"phase": Phase.REMOVED}], ids=str)
def test_what_is_given_up_or_gone_is_not_ordered_away(fields: dict[str, Any]) -> None:
    task = a_task(goal=Goal.STOP)
    assert planned(a_cluster(task, an_allocation(task, W1, **fields)), task) == SlotsPlan()


def test_a_finished_container_makes_way_for_its_next_revision() -> None:
    task = a_task(revision=3, template_revision=3)
    finished = an_allocation(task, W1, phase=Phase.COMPLETED, template_revision=1)
    assert planned(a_cluster(task, finished), task) == SlotsPlan(
        changes=[
            Unassign(finished.id, "replaced by revision 3"),
            Assign(new(task, W1, generation=2)),
        ]
    )


# -- nodes to avoid -----------------------------------------------------------------------------------------------


def test_a_failure_of_the_node_sends_the_slot_elsewhere_for_a_minute() -> None:
    task = a_task()
    failed = an_allocation(task, W1, phase=Phase.FAILED, failure=TAKEN)
    assert planned(a_cluster(task, failed), task) == SlotsPlan(
        changes=[
            Avoid(task.id, 1, W1.id, until=160.0, why=TAKEN.message),
            Unassign(failed.id, TAKEN.message),
            Assign(new(task, W2, generation=2)),
        ]
    )


def test_where_all_nodes_are_avoided_it_is_said_when_the_first_may_be_tried_again() -> None:
    task = a_task(replicas=2)
    cluster = a_cluster(task, nodes=(W1,))
    cluster.apply(Avoid(task.id, 1, W1.id, until=130.0, why="full"), 0)
    cluster.apply(Avoid(task.id, 2, W1.id, until=120.0, why="full"), 0)
    plan = planned(cluster, task)
    assert (plan.changes, plan.unplaced, plan.look_again_at) == ([], [1, 2], 120.0)
    assert plan.refusal
    assert "full" in plan.refusal.sentence()


def test_a_slot_that_avoids_a_node_does_not_keep_the_others_from_it() -> None:
    task = a_task(replicas=2)
    cluster = a_cluster(task, nodes=(W1,))
    cluster.apply(Avoid(task.id, 1, W1.id, until=130.0, why="full"), 0)
    plan = planned(cluster, task)
    assert (plan.changes, plan.unplaced) == ([Assign(new(task, W1, slot=2))], [1])


def test_a_node_is_tried_again_when_its_time_is_over() -> None:
    task = a_task()
    cluster = a_cluster(task, nodes=(W1,))
    cluster.apply(Avoid(task.id, 1, W1.id, until=100.0, why="full"), 0)
    assert planned(cluster, task) == SlotsPlan(changes=[Assign(new(task, W1))])


# -- rolling replacement ------------------------------------------------------------------------------------------

REVISED = a_task(replicas=3, revision=2, template_revision=2)


def old(slot: int, **fields: Any) -> Allocation:
    return an_allocation(REVISED, W1, slot=slot, template_revision=1, **fields)


def young(slot: int, **fields: Any) -> Allocation:
    return an_allocation(REVISED, W1, slot=slot, **fields)


@pytest.mark.parametrize(
    ("stays", "replaced"),
    [
        ([old(1), old(2), old(3)], [1]),
        ([young(1), old(2), old(3)], [2]),
        ([young(1), young(2), young(3)], []),
        # One that is not ready yet, or any more, holds up the others.
        ([young(1, phase=Phase.STARTING), old(2), old(3)], []),
        ([young(1, health=Health.UNHEALTHY), old(2), old(3)], []),
        # What does not work is no loss.
        ([old(1), old(2, phase=Phase.EXITED), old(3, health=Health.UNHEALTHY)], [2, 3]),
        # What is ordered away already is on its way.
        ([old(1, wanted=Wanted.REMOVE), old(2), old(3)], []),
    ],
)
def test_what_works_is_replaced_one_at_a_time_and_what_does_not_at_once(
    stays: list[Allocation], replaced: list[int]
) -> None:
    assert moves(a_cluster(REVISED, *stays), REVISED) == [
        Unassign(stays[number - 1].id, "replaced by revision 2") for number in replaced
    ]


def one_waits(task: Task, *stays: Allocation, nodes: tuple[Node, ...] = (W1,)) -> Cluster:
    """The task's last slot waits for room."""
    cluster = a_cluster(task, *stays, nodes=nodes)
    cluster.apply(Wait(task.id, (task.wanted_slots,), "no node fits"), 0)
    return cluster


def test_a_replica_that_waits_for_room_does_not_hold_the_update_of_the_others() -> None:
    cluster = one_waits(REVISED, old(1), old(2))
    assert moves(cluster, REVISED) == [Unassign(old(1).id, "replaced by revision 2")]


def test_an_update_goes_on_one_at_a_time_while_one_waits_for_room() -> None:
    assert moves(one_waits(REVISED, old(1, wanted=Wanted.REMOVE), old(2)), REVISED) == []
    assert moves(one_waits(REVISED, young(1, phase=Phase.STARTING), old(2)), REVISED) == []
    assert moves(one_waits(REVISED, young(1, phase=Phase.FAILED), old(2)), REVISED) == []
    cluster = one_waits(REVISED, young(1), old(2))
    assert moves(cluster, REVISED) == [Unassign(old(2).id, "replaced by revision 2")]


def test_while_one_waits_nothing_that_works_is_replaced_where_its_successor_has_no_room() -> None:
    bigger = a_task(replicas=3, revision=2, template_revision=2, cpu_millis=3_000)
    stays = [
        an_allocation(
            bigger, node, slot=slot, template_revision=1, demand=Resources(cpu_millis=2_000)
        )
        for slot, node in ((1, W1), (2, W2))
    ]
    full = an_allocation(a_task(name="db"), W1, demand=Resources(cpu_millis=2_000))
    tasks = [bigger, a_task(name="db")]
    cluster = Cluster(
        Snapshot(cluster_id="c1", tasks=tasks, nodes=[W1, W2], allocations=[*stays, full])
    )
    cluster.apply(Wait(bigger.id, (3,), "no node fits"), 0)
    assert moves(cluster, bigger) == [Unassign(stays[1].id, "replaced by revision 2")]
    nowhere = a_task(replicas=3, revision=2, template_revision=2, cpu_millis=9_000)
    assert moves(one_waits(nowhere, old(1), old(2)), nowhere) == []


DRAINING = a_node("w1", availability=Availability.DRAINING)


def test_a_draining_node_is_emptied_one_by_one_of_what_must_not_run_twice() -> None:
    task = a_task(replicas=3, on_disconnect=OnDisconnect.STOP)
    stays = [
        an_allocation(task, node, slot=n) for n, node in ((1, W2), (2, DRAINING), (3, DRAINING))
    ]
    cluster = a_cluster(task, *stays, nodes=(DRAINING, W2))
    assert moves(cluster, task) == [Unassign(stays[1].id, "its node is draining")]


def test_nothing_leaves_a_draining_node_without_a_place_to_go() -> None:
    task = a_task()
    cluster = a_cluster(task, an_allocation(task, DRAINING), nodes=(DRAINING,))
    assert moves(cluster, task) == []


def test_what_has_ended_on_a_draining_node_stays_for_its_logs() -> None:
    task = a_task()
    ended = an_allocation(task, DRAINING, phase=Phase.COMPLETED)
    assert moves(a_cluster(task, ended, nodes=(DRAINING, W2)), task) == []


# -- flight -------------------------------------------------------------------------------------------------------


def failing(task: Task, node: Node = W1, **fields: Any) -> Allocation:
    fields = {"phase": Phase.EXITED, "failures_in_row": 5, "exit": Exit(1)} | fields
    return an_allocation(task, node, **fields)


def test_after_five_failures_in_a_row_a_slot_leaves_its_node_for_a_long_time() -> None:
    task = a_task()
    allocation = failing(task)
    why = "failed 5 times in a row on w1"
    assert flight(a_cluster(task, allocation), task) == [
        Avoid(task.id, 1, W1.id, until=700.0, why=why),
        Unassign(allocation.id, why),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"failures_in_row": 4},
        {"phase": Phase.RUNNING},
        {"wanted": Wanted.REMOVE},
        {"lost": True},
    ],
    ids=str,
)
def test_a_slot_that_does_not_fail_again_and_again_stays(fields: dict[str, Any]) -> None:
    task = a_task()
    assert flight(a_cluster(task, failing(task, **fields)), task) == []


def test_a_slot_without_a_stay_flees_from_nothing() -> None:
    task = a_task()
    assert flight(a_cluster(task), task) == []


def test_a_failing_slot_stays_where_no_other_node_takes_it() -> None:
    task = a_task()
    assert flight(a_cluster(task, failing(task), nodes=(W1,)), task) == []


def test_a_failing_slot_does_not_flee_to_a_node_it_avoids() -> None:
    task = a_task()
    cluster = a_cluster(task, failing(task))
    cluster.apply(Avoid(task.id, 1, W2.id, until=130.0, why="full"), 0)
    assert flight(cluster, task) == []
