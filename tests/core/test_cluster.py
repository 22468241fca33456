"""The state of the cluster: what each change does to it, and what it leaves to be recorded."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core.changes import (
    Announce,
    Assign,
    Avoid,
    Change,
    ForgetAllocation,
    ForgetNode,
    ForgetTask,
    PutNode,
    PutTask,
    Record,
    Unassign,
    Wait,
    WriteOff,
)
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot, Writes
from cube.core.invariants import violations
from cube.core.lifecycle import observe
from cube.core.roster import Standing
from cube.model.allocation import Allocation, Observed, Phase, Wanted
from cube.model.event import EventKind, TaskEvent
from cube.model.node import Availability
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Port
from cube.model.task import Goal, Task
from tests.builders import a_node, a_task, an_allocation, node_id, task_id

AT = 1_700_000_000_000
W1, W2 = a_node("w1"), a_node("w2")
WEB = a_task(cpu_millis=500, ports=(Port(80, 8080),))
STAY = an_allocation(WEB, W1, phase=Phase.ASSIGNED, sequence=0)
SUCCESSOR = an_allocation(WEB, W2, generation=2, phase=Phase.ASSIGNED, sequence=0)


def a_cluster(*allocations: Allocation, tasks: tuple[Task, ...] = (WEB,)) -> Cluster:
    return Cluster(
        Snapshot(
            cluster_id="c1",
            revision=7,
            tasks=list(tasks),
            nodes=[W1, W2],
            allocations=list(allocations),
        )
    )


def applied(cluster: Cluster, *changes: Change) -> Writes:
    """Apply the changes and return what is to be recorded. The rules of a cluster hold after each."""
    for change in changes:
        cluster.apply(change, AT)
        assert violations(cluster) == []
    return cluster.take_writes()


def seen(allocation: Allocation, **fields: object) -> Record:
    """The change that a worker's report means."""
    observed = Observed(**{"phase": Phase.RUNNING, "sequence": 9} | fields)  # type: ignore[arg-type]
    return Record(observe(allocation, observed), allocation.observed)


def test_what_was_loaded_is_known_and_not_written_again() -> None:
    cluster = a_cluster(STAY)
    assert (cluster.id, cluster.revision) == ("c1", 7)
    assert (cluster.tasks, cluster.nodes) == ({WEB.id: WEB}, {W1.id: W1, W2.id: W2})
    assert cluster.allocations == {STAY.id: STAY}
    assert not cluster.take_writes()


def test_writes_are_taken_once() -> None:
    cluster = a_cluster()
    assert applied(cluster, PutNode(W1, None))
    assert not cluster.take_writes()


def test_each_event_has_the_next_revision() -> None:
    cluster = a_cluster()
    writes = applied(
        cluster,
        Announce(EventKind.MANAGER_HELD, "held"),
        PutNode(W1, None),
        PutNode(W2, EventKind.NODE_RETURNED, "heard again"),
    )
    assert writes.events == [
        TaskEvent(revision=8, at_ms=AT, kind=EventKind.MANAGER_HELD, message="held"),
        TaskEvent(
            revision=9,
            at_ms=AT,
            kind=EventKind.NODE_RETURNED,
            node_id=W2.id,
            node="w2",
            message="heard again",
        ),
    ]
    assert cluster.revision == 9


# -- tasks --------------------------------------------------------------------------------------------------------


def test_a_new_task_has_a_vacant_slot_for_each_replica() -> None:
    cluster = a_cluster(tasks=())
    task = a_task(replicas=3)
    writes = applied(cluster, PutTask(task, EventKind.TASK_CREATED))
    task = replace(task, changed_revision=cluster.revision)
    assert writes.tasks == {task.id: task}
    assert cluster.rosters[task.id].count(Standing.VACANT) == 3
    assert cluster.named("web") == task


def test_a_slot_scaled_away_keeps_its_number_and_its_generation() -> None:
    task = a_task(replicas=2)
    cluster = a_cluster(
        an_allocation(task, W1, slot=2, generation=5, wanted=Wanted.REMOVE), tasks=(task,)
    )
    applied(cluster, PutTask(a_task(replicas=1, revision=2), EventKind.TASK_CHANGED))
    assert cluster.slots(task.id)[2].standing is Standing.UNWANTED
    assert cluster.slots(task.id)[2].generation == 5


FORMER = a_task(id=task_id("former"), goal=Goal.STOP, created_ms=1)
RUNNING = a_task(id=task_id("running"), created_ms=2)
STOPPED_LATER = a_task(id=task_id("later"), goal=Goal.STOP, created_ms=3)


@pytest.mark.parametrize(
    ("tasks", "holder"),
    [
        ((FORMER, RUNNING), RUNNING),
        ((RUNNING, STOPPED_LATER), RUNNING),
        ((STOPPED_LATER, RUNNING, FORMER), RUNNING),
        ((FORMER, STOPPED_LATER), STOPPED_LATER),
    ],
)
def test_a_name_means_the_running_task_else_the_last_stopped(
    tasks: tuple[Task, ...], holder: Task
) -> None:
    assert a_cluster(tasks=tasks).named("web") == holder


def test_a_name_is_free_when_its_task_is_forgotten() -> None:
    cluster = a_cluster(tasks=(FORMER,))
    assert applied(cluster, ForgetTask(FORMER.id)).tasks == {FORMER.id: None}
    assert cluster.named("web") is None
    assert FORMER.id not in cluster.rosters


def test_forgetting_a_former_task_leaves_the_name_to_its_present_holder() -> None:
    cluster = a_cluster(tasks=(FORMER, RUNNING))
    applied(cluster, ForgetTask(FORMER.id))
    assert cluster.named("web") == RUNNING


def test_a_task_is_forgotten_with_all_its_stays() -> None:
    stopped = replace(WEB, goal=Goal.STOP)
    former = an_allocation(stopped, W1, phase=Phase.REMOVED)
    latest = an_allocation(stopped, W2, generation=2, phase=Phase.REMOVED)
    cluster = a_cluster(former, latest, tasks=(stopped,))
    writes = applied(cluster, ForgetTask(stopped.id))
    assert writes.allocations == {former.id: None, latest.id: None}
    assert cluster.allocations == {}


# -- allocations --------------------------------------------------------------------------------------------------


def test_an_assignment_fills_the_slot_and_reserves_on_the_node() -> None:
    cluster = a_cluster()
    writes = applied(cluster, Assign(STAY))
    stay = replace(STAY, revision=cluster.revision)  # its containers will carry it
    assert writes.allocations == {STAY.id: stay}
    assert cluster.slots(WEB.id)[1].latest == stay
    assert set(cluster.on_node(W1.id)) == {STAY.id}
    assert cluster.reserved(W1.id) == Resources(cpu_millis=500)
    row = cluster.inventory.row(W1.id)
    assert cluster.inventory.last_placed[row] == cluster.revision


def test_ordering_away_frees_nothing_until_it_is_gone() -> None:
    cluster = a_cluster(STAY)
    writes = applied(cluster, Unassign(STAY.id, "scaled down"))
    ordered = replace(STAY, wanted=Wanted.REMOVE, why_removed="scaled down")
    assert writes.allocations == {STAY.id: ordered}
    assert cluster.reserved(W1.id) == Resources(cpu_millis=500)
    applied(cluster, seen(ordered, phase=Phase.REMOVED))
    assert cluster.reserved(W1.id) == NOTHING
    assert set(cluster.on_node(W1.id)) == set()
    assert cluster.rosters[WEB.id].present == 0


def test_writing_off_leaves_the_room_reserved_and_counts_nothing_as_present() -> None:
    cluster = a_cluster(STAY)
    writes = applied(cluster, WriteOff(STAY.id, "node w1 was lost"))
    assert writes.allocations == {STAY.id: replace(STAY, lost=True, why_removed="node w1 was lost")}
    assert cluster.reserved(W1.id) == Resources(cpu_millis=500)
    assert cluster.rosters[WEB.id].present == 0
    assert cluster.rosters[WEB.id].count(Standing.VACANT) == 1


def test_an_end_frees_the_room_while_the_container_stays_for_its_logs() -> None:
    cluster = a_cluster(STAY)
    applied(cluster, seen(STAY, phase=Phase.COMPLETED))
    assert cluster.reserved(W1.id) == NOTHING
    assert set(cluster.on_node(W1.id)) == {STAY.id}
    assert cluster.rosters[WEB.id].present == 1


def test_progress_is_taken_down_and_not_written() -> None:
    pulling = an_allocation(WEB, W1, phase=Phase.PULLING, message="10 %")
    cluster = a_cluster(pulling)
    assert not applied(cluster, seen(pulling, phase=Phase.PULLING, message="43 %"))
    assert cluster.allocations[pulling.id].observed.message == "43 %"


def test_a_successor_takes_the_slot_and_the_former_stay_is_kept_until_forgotten() -> None:
    lost = replace(STAY, lost=True)
    cluster = a_cluster(lost)
    applied(cluster, Assign(SUCCESSOR))
    successor = replace(SUCCESSOR, revision=cluster.revision)
    slot = cluster.slots(WEB.id)[1]
    assert (slot.latest, slot.leaving) == (successor, {lost.id: lost})
    gone = seen(lost, phase=Phase.REMOVED)
    applied(cluster, gone)
    assert (slot.latest, slot.leaving) == (successor, {lost.id: gone.allocation})
    assert applied(cluster, ForgetAllocation(lost.id)).allocations == {lost.id: None}
    assert (slot.latest, slot.leaving) == (successor, {})
    assert cluster.allocations == {successor.id: successor}


def test_the_order_of_the_records_in_the_ledger_does_not_matter() -> None:
    lost = replace(STAY, lost=True)
    for allocations in ((lost, SUCCESSOR), (SUCCESSOR, lost)):
        slot = a_cluster(*allocations).slots(WEB.id)[1]
        assert (slot.latest, slot.leaving) == (SUCCESSOR, {lost.id: lost})


def test_waiting_and_avoiding_are_remembered_and_not_written_as_records() -> None:
    cluster = a_cluster()
    writes = applied(
        cluster,
        Wait(WEB.id, (1,), "no node fits"),
        Avoid(WEB.id, 1, W1.id, until=60.0, why="port taken"),
    )
    slot = cluster.slots(WEB.id)[1]
    assert slot.waiting == "no node fits"
    assert slot.avoid == {W1.id: (60.0, "port taken")}
    assert [event.kind for event in writes.events] == [EventKind.SLOT_WAITING]
    assert not (writes.tasks or writes.allocations or writes.nodes)


# -- nodes --------------------------------------------------------------------------------------------------------


def test_a_node_that_changes_keeps_what_it_holds() -> None:
    cluster = a_cluster(STAY)
    larger = a_node("w1", capacity=Resources(cpu_millis=64_000))
    assert applied(cluster, PutNode(larger, None)).nodes == {W1.id: larger}
    assert cluster.inventory.nodes[W1.id] == larger
    assert cluster.reserved(W1.id) == Resources(cpu_millis=500)


def test_the_draining_nodes_are_those_to_be_emptied() -> None:
    cluster = a_cluster()
    draining = a_node("w1", availability=Availability.DRAINING)
    applied(cluster, PutNode(draining, None))
    assert cluster.draining == {W1.id}
    applied(cluster, PutNode(W1, None))
    assert cluster.draining == set()
    applied(cluster, PutNode(draining, None), ForgetNode(W1.id))
    assert cluster.draining == set()


def test_what_could_yield_is_counted_from_what_holds_room_once_a_task_may_displace() -> None:
    job = a_task(name="job", cpu_millis=200)
    ended = an_allocation(job, W1, phase=Phase.COMPLETED)
    cluster = a_cluster(STAY, ended, tasks=(WEB, job))
    assert cluster.yielding is None
    high = a_task(name="high", preempt=True, priority=90)
    applied(cluster, PutTask(high, EventKind.TASK_CREATED))
    assert cluster.yielding is not None
    assert cluster.yielding.below(90, 2)[0].tolist() == [500, 0]


def test_what_was_held_on_a_forgotten_node_yields_to_nobody() -> None:
    high = a_task(name="high", preempt=True, priority=90)
    cluster = a_cluster(replace(STAY, lost=True), tasks=(WEB, high))
    applied(cluster, ForgetNode(W1.id))
    assert cluster.yielding is not None
    assert not cluster.yielding.below(90, 2).any()


def test_a_forgotten_node_leaves_the_record_of_former_stays() -> None:
    lost = replace(STAY, lost=True)
    cluster = a_cluster(lost)
    assert applied(cluster, ForgetNode(W1.id)).nodes == {W1.id: None}
    assert cluster.allocations == {lost.id: lost}
    applied(cluster, seen(lost, phase=Phase.REMOVED), Assign(SUCCESSOR), ForgetAllocation(lost.id))
    assert list(cluster.allocations) == [SUCCESSOR.id]
    assert node_id("w1") not in cluster.inventory.nodes
