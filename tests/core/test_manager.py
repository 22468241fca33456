"""Stories of the manager's core: what users and workers do, and what it makes of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core.effects import (
    Accepted,
    Effects,
    Held,
    Rejected,
    Snapshot,
    TurnedAway,
    Welcomed,
)
from cube.core.inputs import (
    Apply,
    Connect,
    Disconnect,
    Observe,
    RemoveNode,
    Renew,
    Restart,
    Scale,
    SetAvailability,
    Submit,
    Tick,
)
from cube.core.manager import ManagerCore
from cube.core.planning import PLACEMENTS_AT_ONCE
from cube.model.allocation import Exit, Failure, FailureKind, Health, Observed, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId
from cube.model.node import Availability, Condition, Facts, Usage
from cube.model.orders import Holding, Remove, Run
from cube.model.resources import Resources
from cube.model.spec import OnDisconnect, Port, Protocol
from cube.model.task import Goal, TaskState
from cube.model.timing import DEFAULT_TIMING, Instant
from tests.builders import (
    CAPACITY,
    GIB,
    MIB,
    a_node,
    a_spec,
    a_task,
    an_allocation,
    node_id,
    task_id,
)
from tests.world import World

ROOMY = Resources(cpu_millis=4_000, memory_bytes=8 * GIB, disk_bytes=100 * GIB)


@pytest.fixture
def world() -> World:
    return World()


# -- from wish to running -----------------------------------------------------------------------------------------


def test_a_task_is_recorded_placed_and_ordered_in_one_transaction(world: World) -> None:
    world.join("w1")
    effects = world.tell(Submit(task_id("web"), a_spec()))
    assert isinstance(effects.answer, Accepted)
    assert effects.answer.created
    assert [event.kind for event in effects.writes.events] == [
        EventKind.TASK_CREATED,
        EventKind.ALLOCATION_ASSIGNED,
        EventKind.TASK_STATE,
    ]
    assert effects.orders == {
        node_id("w1"): [
            Run(
                id=AllocationId(f"{task_id('web')}.1.1"),
                task_id=task_id("web"),
                slot=1,
                generation=1,
                spec=a_spec(),
                revision=effects.writes.events[1].revision,
            )
        ]
    }
    assert set(effects.writes.allocations) == {AllocationId(f"{task_id('web')}.1.1")}


def test_a_running_container_makes_the_task_running(world: World) -> None:
    world.join("w1")
    world.submit(replicas=2)
    assert world.summary().state is TaskState.SCHEDULED
    world.run_all()
    assert world.summary().state is TaskState.RUNNING
    assert world.summary().ready == 2


def test_a_task_waits_with_the_reason_and_is_placed_when_a_worker_joins(world: World) -> None:
    world.submit(replicas=3)
    assert world.summary().state is TaskState.PENDING
    assert "no workers have joined" in world.summary().reason
    world.join("w1")
    assert world.where() == {1: "w1", 2: "w1", 3: "w1"}


def test_a_task_without_room_names_the_shortage_and_is_placed_when_room_is_made(
    world: World,
) -> None:
    world.join("w1", capacity=Resources(cpu_millis=1_000, memory_bytes=GIB, disk_bytes=GIB))
    world.submit("big", memory_bytes=900 * MIB)
    world.run_all()
    world.submit("late", memory_bytes=300 * MIB)
    assert world.summary("late").state is TaskState.PENDING
    assert "176 MiB short" in world.summary("late").reason
    world.stop("big")
    assert world.summary("late").state is TaskState.PENDING
    world.run_all()
    assert world.summary("late").state is TaskState.RUNNING
    assert world.summary("big").state is TaskState.COMPLETED


def test_waiting_is_told_once_and_again_only_when_the_reason_changes(world: World) -> None:
    world.submit(replicas=2, cpu_millis=9_000)
    world.pass_time(5)
    world.join("w1")
    world.pass_time(5)
    messages = [event.message for event in world.told(EventKind.SLOT_WAITING)]
    assert len(messages) == 2
    assert "no workers" in messages[0]
    assert "cpu" in messages[1]


def test_the_reason_for_waiting_follows_what_becomes_of_the_nodes(world: World) -> None:
    world.submit()
    world.join("w1")
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    world.submit("late")
    assert "cordoned" in world.summary("late").reason
    world.tell(Renew(node_id("w1"), 1, runtime_error="cannot reach the engine"))
    world.tell(SetAvailability(node_id("w1"), Availability.ACTIVE))
    assert "cannot reach the engine" in world.summary("late").reason
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    world.pass_time(5)
    assert "lost" in world.summary("late").reason
    world.tell(RemoveNode(node_id("w1")))
    assert "no workers have joined" in world.summary("late").reason


def test_the_same_submission_again_changes_nothing(world: World) -> None:
    world.join("w1")
    world.submit()
    again = world.tell(Submit(task_id("web"), a_spec()))
    assert isinstance(again.answer, Accepted)
    assert (again.answer.created, again.answer.changed) == (False, False)
    assert not again.writes
    assert not again.orders


def test_the_same_id_with_another_spec_and_a_taken_name_are_refused(world: World) -> None:
    world.submit()
    other_spec = world.tell(Submit(task_id("web"), a_spec(image="other:1")))
    taken = world.tell(Submit(task_id("another"), a_spec(name="web")))
    for effects in (other_spec, taken):
        assert isinstance(effects.answer, Rejected)
        assert effects.answer.code == "conflict"
        assert not effects.writes


def test_a_large_task_is_planned_in_pieces(world: World) -> None:
    world.join("w1")
    effects = world.core.handle(Submit(task_id("web"), a_spec(replicas=2_500)), world.now)
    assert effects.more
    assert len(effects.orders[node_id("w1")]) < 2_500
    further = effects
    count = len(effects.orders[node_id("w1")])
    while further.more:
        further = world.core.handle(Tick(), world.now)
        count += len(further.orders.get(node_id("w1"), ()))
    assert count == 2_500


def test_to_find_that_very_many_tasks_need_nothing_is_done_in_pieces() -> None:
    node, now = a_node("w1"), Instant(100.0, 9_000)
    tasks = [a_task(name=f"t{number}") for number in range(PLACEMENTS_AT_ONCE + 1)]
    stays = [an_allocation(task, node, phase=Phase.STARTING) for task in tasks]
    known = Snapshot(cluster_id="c1", tasks=tasks, nodes=[node], allocations=stays)
    core = ManagerCore(known, timing=DEFAULT_TIMING, strategy="spread", now=now)
    assert core.handle(Tick(), now).more
    assert not core.handle(Tick(), now).more


# -- stopping -----------------------------------------------------------------------------------------------------


def test_stopping_orders_every_container_away_and_frees_the_name(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=3)
    world.run_all()
    world.stop("web")
    assert {type(order) for orders in world.orders.values() for order in orders} == {Remove}
    assert world.summary().reason == "stopping, 3 containers left"
    world.run_all()
    assert world.summary().state is TaskState.COMPLETED
    assert world.summary().reason == "stopped"
    world.tell(Submit(task_id("second"), a_spec(name="web")))
    assert world.task("web").id == task_id("second")


def test_stopping_twice_is_success_and_changes_nothing(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.stop("web")
    again = world.stop("web")
    assert isinstance(again.answer, Accepted)
    assert not again.writes


def test_a_stopped_task_runs_again_when_its_file_is_submitted_again(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.stop("web")
    world.submit()
    assert world.task("web").goal is Goal.RUN
    # The old container is still on its way out: there are never two.
    assert world.where() == {}
    world.run_all()
    assert world.latest().generation == 2
    assert world.summary().state is TaskState.RUNNING


def test_a_stop_is_kept_over_a_restart_of_the_manager(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    held = world.latest().id
    world.stop("web")
    world.restart_manager()
    world.join("w1", holding=(held,))
    assert [type(order) for order in world.orders[node_id("w1")]] == [Remove]
    world.run_all()
    assert world.summary().reason == "stopped"


def test_tasks_stopped_long_ago_are_forgotten(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.stop("web")
    world.run_all()
    world.now = replace(
        world.now,
        monotonic=world.now.monotonic + 90_000,
        wall_ms=world.now.wall_ms + 90_000_000,
    )
    world.tell(Renew(node_id("w1"), world.epochs[node_id("w1")]))
    assert world.core.cluster.named("web") is None
    assert not world.ledger.tasks
    assert not world.ledger.allocations


# -- runs that end ------------------------------------------------------------------------------------------------


def test_exit_zero_completes_and_is_not_run_again(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.COMPLETED, exit=Exit(0))
    world.pass_time(20)
    assert world.summary().state is TaskState.COMPLETED
    assert world.summary().reason == "exit 0"
    assert world.latest().generation == 1


def test_a_failed_slot_makes_the_task_failed_and_says_why(world: World) -> None:
    world.join("w1")
    world.submit(replicas=2)
    world.run_all()
    world.report(world.latest(slot=2), phase=Phase.FAILED, exit=Exit(137, out_of_memory=True))
    assert world.summary().state is TaskState.FAILED
    assert world.summary().reason == "web.2: exit 137 (out of memory)"
    assert world.summary().ready == 1


def test_a_restart_in_place_shows_its_number_pause_and_cause(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(
        world.latest(), phase=Phase.EXITED, exit=Exit(1), retry_in_ms=12_000, failures_in_row=1
    )
    assert world.summary().state is TaskState.SCHEDULED
    assert world.summary().reason == "restart 1 in 12 s, exit 1"
    world.report(world.latest(), phase=Phase.RUNNING, restart=1)
    assert world.summary().state is TaskState.RUNNING
    assert world.summary().restarts == 1


def test_a_slot_that_keeps_failing_moves_to_another_node_and_avoids_the_first(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    first = world.where()[1]
    for restart in range(5):
        world.report(
            world.latest(),
            phase=Phase.EXITED,
            restart=restart,
            exit=Exit(1),
            failures_in_row=restart + 1,
        )
    world.run_all()
    assert world.where()[1] != first
    assert world.latest().generation == 2
    stopping = world.told(EventKind.ALLOCATION_STOPPING)
    assert stopping[-1].message == f"failed 5 times in a row on {first}"


def test_a_slot_that_keeps_failing_stays_where_no_other_node_takes_it(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    for restart in range(7):
        world.report(
            world.latest(),
            phase=Phase.EXITED,
            restart=restart,
            exit=Exit(1),
            failures_in_row=restart + 1,
        )
    assert world.latest().generation == 1
    assert not world.told(EventKind.ALLOCATION_STOPPING)


def test_a_taken_port_sends_the_slot_elsewhere_and_is_avoided_for_a_minute(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    first = world.where()[1]
    words = f"port 8080 is taken on {first}"
    world.report(world.latest(), phase=Phase.FAILED, failure=Failure(FailureKind.PORT_TAKEN, words))
    world.run_all()
    second = world.where()[1]
    assert second != first
    world.report(world.latest(), phase=Phase.FAILED, failure=Failure(FailureKind.PORT_TAKEN, words))
    assert world.summary().state is TaskState.PENDING
    assert words in world.summary().reason
    world.run_all()
    world.pass_time(61)
    world.run_all()
    assert world.summary().state is TaskState.RUNNING


# -- observed state only moves forward ----------------------------------------------------------------------------


def test_late_repeated_and_reordered_reports_change_nothing(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.RUNNING, restart=3)
    for late in (
        Observed(phase=Phase.EXITED, restart=2, sequence=99),
        Observed(phase=Phase.STARTING, restart=3, sequence=99),
        Observed(phase=Phase.RUNNING, restart=3, sequence=1),
    ):
        effects = world.tell(
            Observe(node_id("w1"), world.epochs[node_id("w1")], ((world.latest().id, late),))
        )
        assert not effects.writes
    assert world.latest().observed.restart == 3


def test_what_an_older_session_says_is_refused(world: World) -> None:
    world.join("w1")
    world.submit()
    old = world.epochs[node_id("w1")]
    world.join("w1")
    effects = world.tell(
        Observe(node_id("w1"), old, ((world.latest().id, Observed(phase=Phase.RUNNING)),))
    )
    assert effects.answer == Held(current=False)
    assert world.latest().observed.phase is Phase.ASSIGNED
    assert world.tell(Renew(node_id("w1"), old)).answer == Held(current=False)


def test_progress_is_shown_and_not_written(world: World) -> None:
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.PULLING, message="pulling busybox, 10 %")
    effects = world.report(world.latest(), phase=Phase.PULLING, message="pulling busybox, 43 %")
    assert not effects.writes
    assert world.summary().reason == "pulling busybox, 43 %"


def test_a_report_of_something_unknown_is_answered_by_ordering_it_away(world: World) -> None:
    world.join("w1")
    stray = AllocationId(f"{task_id('ghost')}.1.7")
    effects = world.tell(
        Observe(
            node_id("w1"), world.epochs[node_id("w1")], ((stray, Observed(phase=Phase.RUNNING)),)
        )
    )
    assert [type(order) for order in effects.orders[node_id("w1")]] == [Remove]


# -- nodes --------------------------------------------------------------------------------------------------------


def test_work_of_a_dead_node_moves(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    victim = world.latest(slot=1)
    name = world.where()[1]
    world.pass_time(3, silent=(name,))
    assert world.core.cluster.nodes[victim.node_id].condition is Condition.SUSPECT
    assert world.latest(slot=1).generation == 1
    world.pass_time(1.5, silent=(name,))
    survivor = world.where()[2]
    assert world.core.cluster.nodes[victim.node_id].condition is Condition.LOST
    assert world.where() == {1: survivor, 2: survivor}
    assert world.latest(slot=1).generation == 2


def test_the_verdict_and_the_replacement_are_one_transaction(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    name = world.where()[1]
    del world.epochs[node_id(name)]
    world.pass_time(3.9)
    world.now = replace(world.now, monotonic=world.now.monotonic + 0.2)
    world.tell(Renew(node_id("w2" if name == "w1" else "w1"), 1))
    world.tell(Tick())
    kinds = [event.kind for event in world.events[-4:]]
    assert EventKind.NODE_LOST in kinds
    assert EventKind.ALLOCATION_LOST in kinds
    assert EventKind.ALLOCATION_ASSIGNED in kinds


def test_a_returning_node_is_told_to_remove_what_was_replaced(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    stale = world.latest()
    name = world.where()[1]
    world.pass_time(5, silent=(name,))
    world.join(name, holding=(stale.id,))
    assert world.orders[node_id(name)] == [Remove(id=stale.id, reason=f"node {name} was lost")]
    world.run_all()
    assert stale.id not in world.core.cluster.allocations
    assert world.told(EventKind.NODE_RETURNED)


def test_a_late_report_from_a_lost_node_changes_nothing(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    stale = world.latest()
    name = world.where()[1]
    world.pass_time(5, silent=(name,))
    world.join(name, holding=(stale.id,))
    world.report(stale, phase=Phase.RUNNING, restart=9)
    assert world.latest().id != stale.id
    assert world.core.cluster.allocations[stale.id].observed.restart == 0


def test_the_close_of_an_older_session_ends_nothing(world: World) -> None:
    world.join("w1")
    older = world.epochs[node_id("w1")]
    world.join("w1")
    world.tell(Disconnect(node_id("w1"), older))
    assert world.core.connected(node_id("w1"))


def test_what_a_node_uses_is_known_until_the_node_is_forgotten(world: World) -> None:
    world.join("w1")
    assert world.core.usage(node_id("w1")) is None
    usage = Usage(cpu_millis=250, memory_bytes=GIB)
    effects = world.tell(Renew(node_id("w1"), world.epochs[node_id("w1")], usage=usage))
    assert not effects.writes
    world.tell(Renew(node_id("w1"), world.epochs[node_id("w1")]))
    assert world.core.usage(node_id("w1")) == usage
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    world.tell(RemoveNode(node_id("w1")))
    assert world.core.usage(node_id("w1")) is None


def test_a_task_goes_where_its_worker_says_that_the_image_is(world: World) -> None:
    world.join("w1", "w2", "w3")
    epoch, revision = world.epochs[node_id("w2")], world.ledger.revision
    effects = world.tell(Renew(node_id("w2"), epoch, images=("web:1",)))
    assert not effects.writes and world.ledger.revision == revision, "it is not recorded"
    world.tell(Renew(node_id("w2"), epoch))
    world.submit("a", image="docker.io/library/web:1")
    assert world.where("a") == {1: "w2"}
    [assigned] = world.told(EventKind.ALLOCATION_ASSIGNED)
    assert assigned.message == "has the image, of 3 that fit"
    world.stop("a")
    world.run_all()
    world.tell(Renew(node_id("w2"), epoch, images=()))
    world.submit("b", image="web:1")
    assert world.where("b") == {1: "w1"}


def test_a_hello_tells_of_all_images_anew(world: World) -> None:
    world.join("w1", "w2")
    facts = Facts(name="w2", capacity=CAPACITY)
    for images, placed in ((("web:1",), "w2"), ((), "w1")):
        hello = Connect(node_id=node_id("w2"), cluster_id="c1", facts=facts, images=images)
        answer = world.tell(hello).answer
        assert isinstance(answer, Welcomed)
        world.submit(placed, image="web:1")
        assert world.where(placed) == {1: placed}
        world.stop(placed)
        world.run_all("w1")
        for one in list(world.core.cluster.allocations.values()):
            world.tell(
                Observe(one.node_id, answer.epoch, ((one.id, Observed(phase=Phase.REMOVED)),))
            )


def test_a_short_silence_moves_nothing(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    name = world.where()[1]
    world.pass_time(3.5, silent=(name,))
    world.pass_time(10)
    assert world.latest().generation == 1
    assert world.core.cluster.nodes[node_id(name)].condition is Condition.READY


def test_a_suspected_node_gets_nothing_new(world: World) -> None:
    world.join("w1", "w2")
    world.pass_time(2.5, silent=("w1",))
    world.submit(replicas=2)
    assert set(world.where().values()) == {"w2"}


def test_a_closed_connection_is_no_verdict(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    assert not world.core.connected(node_id("w1"))
    assert world.core.cluster.nodes[node_id("w1")].condition is Condition.READY
    world.join("w1", holding=(world.latest().id,))
    assert [type(order) for order in world.orders[node_id("w1")]] == [Run]


def test_after_a_start_of_the_manager_every_known_node_has_a_fresh_lease(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    world.now = replace(world.now, monotonic=world.now.monotonic + 600)
    world.restart_manager()
    world.pass_time(1.5)
    assert {one.condition for one in world.core.cluster.nodes.values()} == {Condition.READY}
    world.pass_time(3)
    assert {one.condition for one in world.core.cluster.nodes.values()} == {Condition.LOST}


def doze(world: World, seconds: float) -> None:
    """The manager's process is stopped for so long; its timer wakes it, not a heartbeat."""
    wall_ms = world.now.wall_ms + round(seconds * 1000)
    world.now = Instant(world.now.monotonic + seconds, wall_ms)
    world.tell(Tick())


def test_a_manager_that_was_stopped_for_long_gives_nobody_up_before_it_has_listened(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    doze(world, 600)
    world.pass_time(10)
    assert not world.told(EventKind.NODE_SUSPECT, EventKind.NODE_LOST)
    assert world.latest().generation == 1


def test_a_manager_that_falls_asleep_again_and_again_gives_a_dead_node_up_all_the_same(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    for _ in range(8):
        doze(world, 30)
        world.pass_time(1, silent=("w1",))
    assert {one.name for one in world.core.cluster.nodes.values() if one.ready} == {"w2"}
    assert len(world.told(EventKind.NODE_LOST)) == 1
    assert set(world.where().values()) == {"w2"}


def test_a_manager_that_is_called_a_little_late_was_not_away(world: World) -> None:
    world.join("w1")
    doze(world, world.timing.suspect_after + world.timing.overslept)
    assert world.told(EventKind.NODE_SUSPECT)
    assert not world.told(EventKind.NODE_LOST)


def test_a_node_is_judged_by_what_was_heard_until_the_manager_last_listened(world: World) -> None:
    world.join("w1")
    heard = world.now.monotonic
    for _ in range(10):  # busy with other things all the time
        world.now = replace(world.now, monotonic=world.now.monotonic + 0.5)
        world.tell(Tick(heard_until=heard + 1.9))
    assert not world.told(EventKind.NODE_SUSPECT, EventKind.NODE_LOST)
    world.tell(Tick(heard_until=heard + 2.0))
    assert world.told(EventKind.NODE_SUSPECT)
    assert not world.told(EventKind.NODE_LOST)
    world.tell(Tick(heard_until=heard + 4.0))
    assert world.told(EventKind.NODE_LOST)


def test_a_node_given_up_before_the_manager_was_stopped_stays_given_up(world: World) -> None:
    world.join("w1", "w2")
    world.pass_time(5, silent=("w1",))
    doze(world, 600)
    assert world.core.cluster.nodes[node_id("w1")].condition is Condition.LOST


def test_many_nodes_lost_at_once_are_held_back(world: World) -> None:
    names = tuple(f"w{number}" for number in range(1, 7))
    world.join(*names)
    world.submit(replicas=6)
    world.run_all()
    world.pass_time(10, silent=names[:4])
    assert world.told(EventKind.MANAGER_HELD)
    assert not world.told(EventKind.NODE_LOST)
    assert world.latest(slot=1).generation == 1
    world.pass_time(60, silent=names[:4])
    assert len(world.told(EventKind.NODE_LOST)) == 4
    assert set(world.where().values()) == set(names[4:])


def test_one_node_that_comes_and_goes_does_not_keep_the_work_of_another_from_moving(
    world: World,
) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=3)
    world.run_all()
    for _ in range(4):
        world.pass_time(4, silent=("w1",))
        world.join("w1")
    world.pass_time(4, silent=("w2",))
    assert not world.told(EventKind.MANAGER_HELD)
    assert len(world.told(EventKind.NODE_LOST)) == 5


def test_a_worker_of_another_cluster_is_turned_away(world: World) -> None:
    effects = world.tell(
        Connect(node_id=node_id("w1"), cluster_id="c2", facts=Facts(name="w1", capacity=ROOMY))
    )
    assert isinstance(effects.answer, TurnedAway)
    assert effects.answer.final
    assert not effects.writes


def hello_of(world: World, incarnation: str) -> Effects:
    facts = Facts(name="w1", capacity=ROOMY)
    return world.tell(
        Connect(node_id=node_id("w1"), cluster_id="c1", facts=facts, incarnation=incarnation)
    )


def test_two_workers_with_one_identity_are_both_refused_until_one_is_left(world: World) -> None:
    world.join("w2")
    effects = [hello_of(world, who) for who in "ababaab"]
    assert isinstance(effects[3].answer, Welcomed)
    for refused in effects[4:]:
        assert isinstance(refused.answer, TurnedAway)
        assert not refused.answer.final
        assert "data directory of its own" in refused.answer.reason
    assert len(world.told(EventKind.NODE_QUARANTINED)) == 1
    assert not world.core.connected(node_id("w1"))
    assert world.tell(Renew(node_id("w1"), effects[3].answer.epoch)).answer == Held(current=False)

    world.submit(constraints=("node==w1",))
    assert "take turns" in world.summary().reason
    world.pass_time(30)
    assert world.core.cluster.nodes[node_id("w1")].condition is Condition.LOST
    world.restart_manager()
    world.join("w2")
    assert isinstance(hello_of(world, "a").answer, TurnedAway)
    world.pass_time(60)
    assert isinstance(hello_of(world, "a").answer, Welcomed)
    assert world.core.cluster.nodes[node_id("w1")].quarantine == ""
    assert world.told(EventKind.NODE_RETURNED)


def test_the_quarantine_ends_when_the_node_is_removed(world: World) -> None:
    for who in "ababa":
        hello_of(world, who)
    world.tell(RemoveNode(node_id("w1")))
    assert isinstance(hello_of(world, "a").answer, Welcomed)


def test_a_second_machine_of_the_same_name_gets_a_number(world: World) -> None:
    world.join("w1")
    world.tell(
        Connect(node_id=node_id("twin"), cluster_id="", facts=Facts(name="w1", capacity=ROOMY))
    )
    assert {one.name for one in world.core.cluster.nodes.values()} == {"w1", "w1-2"}


def test_leftovers_that_are_on_no_record_are_ordered_away_by_name(world: World) -> None:
    stray = AllocationId(f"{task_id('ghost')}.3.1")
    world.join("w1", holding=(stray,))
    assert world.orders[node_id("w1")] == [
        Remove(id=stray, reason="no such allocation is on record")
    ]


def test_a_node_whose_engine_is_away_gets_no_work_and_keeps_what_it_has(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.tell(Renew(node_id("w1"), 1, runtime_error="cannot reach the engine"))
    world.submit("second")
    assert "engine" in world.summary("second").reason
    assert world.where() == {1: "w1"}
    world.tell(Renew(node_id("w1"), 1))
    assert world.where("second") == {1: "w1"}
    assert world.told(EventKind.NODE_RUNTIME_DOWN, EventKind.NODE_RUNTIME_UP)


def test_draining_moves_everything_one_at_a_time_and_cordoning_moves_nothing(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=4, on_disconnect=OnDisconnect.STOP)
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    world.run_all()
    assert sorted(world.where().values()) == ["w1", "w1", "w2", "w2"]
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    assert len(world.orders[node_id("w1")]) == 1
    world.run_all()
    assert set(world.where().values()) == {"w2"}


def test_draining_leaves_in_place_what_no_other_node_can_take(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    world.run_all()
    assert world.where() == {1: "w1"}


def test_a_removed_node_is_forgotten_with_what_it_held(world: World) -> None:
    world.join("w1", "w2")
    world.submit()
    world.run_all()
    name = world.where()[1]
    refused = world.tell(RemoveNode(node_id(name)))
    assert isinstance(refused.answer, Rejected)
    world.tell(Disconnect(node_id(name), world.epochs.pop(node_id(name))))
    world.pass_time(5)
    world.tell(RemoveNode(node_id(name)))
    assert node_id(name) not in world.core.cluster.nodes
    world.run_all()
    world.stop("web")
    world.run_all()
    assert world.summary().reason == "stopped"


def test_a_completed_task_can_be_stopped_after_its_node_was_forgotten(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.COMPLETED, exit=Exit(0))
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    world.pass_time(5)
    world.tell(RemoveNode(node_id("w1")))
    assert world.summary().state is TaskState.COMPLETED
    world.stop("web")
    assert world.summary().reason == "stopped"


# -- changes of mind ----------------------------------------------------------------------------------------------


def test_scaling_up_adds_slots_and_scaling_down_takes_the_highest(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    before = world.live_ids()
    world.tell(Scale(task_id("web"), 4))
    world.run_all()
    assert sorted(world.where()) == [1, 2, 3, 4]
    assert before < world.live_ids()
    world.tell(Scale(task_id("web"), 1))
    world.run_all()
    assert sorted(world.where()) == [1]


def test_generations_go_on_after_scaling_down_and_up_again(world: World) -> None:
    world.join("w1")
    world.submit(replicas=2)
    world.run_all()
    world.tell(Scale(task_id("web"), 1))
    world.run_all()
    world.restart_manager()
    world.join("w1")
    world.tell(Scale(task_id("web"), 2))
    assert world.latest(slot=2).generation == 2


def test_a_new_image_replaces_one_replica_at_a_time(world: World) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=3)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=3, image="busybox:2")))
    while any(world.orders.values()):
        assert world.summary().ready >= 2
        world.obey_one()
    assert {world.latest(slot=slot).template_revision for slot in (1, 2, 3)} == {2}
    assert world.summary().ready == 3


def test_an_update_passes_a_replica_that_has_no_place_and_costs_no_more_than_one(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=3, max_per_node=1)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=3, max_per_node=1, image="busybox:2")))
    while any(world.orders.values()):
        assert world.summary().ready >= 1
        world.obey_one()
    assert [world.latest(slot=slot).template_revision for slot in (1, 2)] == [2, 2]
    assert world.summary().ready == 2


def test_a_revision_that_fits_nowhere_costs_one_replica(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=2, cpu_millis=99_000)))
    world.run_all()
    assert world.summary().ready == 1
    assert "cpu" in world.summary().reason


def test_an_update_that_found_no_room_goes_on_when_a_node_is_open_again(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=3, max_per_node=1)
    world.run_all()
    for name in ("w1", "w2"):
        world.tell(SetAvailability(node_id(name), Availability.CORDONED))
    world.tell(Apply(task_id("web"), a_spec(replicas=3, max_per_node=1, image="busybox:2")))
    world.run_all()
    assert world.summary().ready == 2
    assert world.latest(slot=1).generation == 1
    for name in ("w1", "w2"):
        world.tell(SetAvailability(node_id(name), Availability.ACTIVE))
    world.run_all()
    assert [world.latest(slot=slot).template_revision for slot in (1, 2)] == [2, 2]


def test_an_update_goes_on_when_the_replica_it_waits_for_is_lost_with_its_node(
    world: World,
) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=3, max_per_node=1)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=3, max_per_node=1, image="busybox:2")))
    first = world.where()  # but for the one that is being replaced
    gone = next(name for name in ("w1", "w2", "w3") if name not in first.values())
    world.epochs.pop(node_id(gone))
    world.pass_time(5)
    world.run_all()
    assert sorted(
        slot.latest.template_revision
        for slot in world.core.cluster.slots(task_id("web")).values()
        if slot.latest and slot.latest.live
    ) == [2, 2]


def test_a_container_that_vanished_during_an_update_has_a_successor_of_the_new_revision(
    world: World,
) -> None:
    world.join("w1", "w2")
    world.submit(replicas=2, ports=(Port(80, 8080),))
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=2, ports=(Port(80, 9090),))))
    gone, name = world.latest(slot=2), world.where()[2]  # slot 1 is replaced first
    world.join(name, holding=())
    (order,) = world.orders[node_id(name)]
    assert order == Remove(id=gone.id, reason="replaced by revision 2")
    world.run_all()
    assert world.latest(slot=2).host_ports == ((9090, Protocol.TCP),)
    assert world.summary().ready == 2


def test_a_bad_revision_costs_one_replica(world: World) -> None:
    world.join("w1", "w2", "w3")
    world.submit(replicas=3)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=3, image="nope:1")))
    world.run_all("w1", "w2", "w3", health=Health.UNHEALTHY)
    world.pass_time(30)
    templates = sorted(world.latest(slot=slot).template_revision for slot in (1, 2, 3))
    assert templates == [1, 1, 2]


def test_only_moving_the_task_or_scaling_it_replaces_no_container(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(replicas=2, strategy="binpack")))
    world.run_all()
    assert world.latest(slot=1).generation == 1
    assert world.task("web").revision == 2


def test_applying_against_a_revision_that_moved_on_is_refused(world: World) -> None:
    world.join("w1")
    world.submit()
    world.tell(Apply(task_id("web"), a_spec(replicas=2), if_revision=1))
    late = world.tell(Apply(task_id("web"), a_spec(replicas=3), if_revision=1))
    assert isinstance(late.answer, Rejected)
    assert "revision 2, not 1" in late.answer.message


def test_a_restart_replaces_the_container_with_the_same_spec(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.tell(Restart(task_id("web")))
    world.run_all()
    assert world.latest().generation == 2
    assert world.summary().state is TaskState.RUNNING


def test_a_failed_task_is_tried_again_with_its_next_revision(world: World) -> None:
    world.join("w1")
    world.submit(image="nope:1")
    failure = Failure(FailureKind.IMAGE_MISSING, "image nope:1 not found")
    world.report(world.latest(), phase=Phase.FAILED, failure=failure)
    assert world.summary().state is TaskState.FAILED
    world.tell(Apply(task_id("web"), a_spec(image="busybox:latest")))
    world.run_all()
    assert world.summary().state is TaskState.RUNNING


# -- memory -------------------------------------------------------------------------------------------------------


def test_a_quiet_cluster_writes_nothing(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=3)
    world.run_all()
    revision = world.ledger.revision
    world.pass_time(120)
    assert world.ledger.revision == revision


def test_a_restarted_manager_knows_everything_and_orders_nothing_new(world: World) -> None:
    world.join("w1", "w2")
    world.submit(replicas=3)
    world.submit("job")
    world.run_all()
    world.report(world.latest("job"), phase=Phase.COMPLETED, exit=Exit(0))
    before = (world.core.cluster.tasks.copy(), world.live_ids())
    holding = {
        name: tuple(
            one.id
            for one in world.core.cluster.allocations.values()
            if one.node_id == node_id(name)
        )
        for name in ("w1", "w2")
    }
    world.restart_manager()
    for name, held in holding.items():
        world.join(name, holding=held)
    assert (world.core.cluster.tasks, world.live_ids()) == before
    assert all(
        isinstance(order, Run) and order.generation == 1
        for orders in world.orders.values()
        for order in orders
    )
    assert world.summary("job").state is TaskState.COMPLETED


def test_a_restarted_manager_does_not_tell_again_what_waits(world: World) -> None:
    world.submit(replicas=3, cpu_millis=9_000)
    world.join("w1")
    world.run_all()
    told = len(world.events)
    world.restart_manager()
    assert len(world.events) == told
    assert "cpu" in world.summary().reason


def test_a_restarted_manager_passes_no_second_verdict_on_a_lost_node(world: World) -> None:
    world.join("w1")
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    world.pass_time(5)
    verdicts = (EventKind.NODE_SUSPECT, EventKind.NODE_LOST)
    assert len(world.told(*verdicts)) == 2
    world.restart_manager()
    assert world.core.heard(node_id("w1")) is None
    world.pass_time(5)
    assert len(world.told(*verdicts)) == 2


def test_a_restarted_manager_still_forgets_the_tasks_stopped_long_ago(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.stop("web")
    world.run_all()
    world.restart_manager()
    world.now = replace(
        world.now,
        monotonic=world.now.monotonic + 90_000,
        wall_ms=world.now.wall_ms + 90_000_000,
    )
    world.tell(Tick())
    assert world.core.cluster.named("web") is None
    assert not world.ledger.tasks


def test_what_is_ordered_while_a_worker_is_away_is_told_when_it_comes_back(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    held = world.latest().id
    world.tell(Disconnect(node_id("w1"), world.epochs.pop(node_id("w1"))))
    assert not world.stop("web").orders
    world.join("w1", holding=(held,))
    assert world.orders[node_id("w1")] == [Remove(id=held, reason="stopped by the user")]


def test_the_next_look_is_when_the_first_verdict_is_due(world: World) -> None:
    world.join("w1")
    effects = world.tell(Tick())
    assert effects.look_again_at == world.now.monotonic + world.timing.suspect_after


def test_a_holding_is_kept_when_it_is_on_record(world: World) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    answer = world.tell(
        Connect(
            node_id=node_id("w1"),
            cluster_id="c1",
            facts=Facts(name="w1", capacity=ROOMY),
            holding=(Holding(id=world.latest().id),),
        )
    )
    assert [type(order) for order in answer.orders[node_id("w1")]] == [Run]
