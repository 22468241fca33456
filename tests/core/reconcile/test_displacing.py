"""What displaces what, told on both sides, and what holds until the room is free."""

from __future__ import annotations

from cube.core.inputs import Apply, Observe, Scale, SetAvailability
from cube.model.allocation import Failure, FailureKind, Observed, Phase, Wanted
from cube.model.event import EventKind
from cube.model.node import Availability
from cube.model.orders import Run
from tests.builders import a_spec, node_id, task_id
from tests.world import World

WHOLE = 4_000  # the cpu of one node


def full_world(*nodes: str, **low: object) -> World:
    """A world whose nodes are taken by `low`, one whole node each."""
    world = World()
    world.join(*nodes)
    world.submit("low", replicas=len(nodes), cpu_millis=WHOLE, **{"priority": 10, **low})
    world.run_all()
    return world


def waits(world: World, name: str) -> str:
    assert not world.where(name)
    return world.summary(name).reason


def test_the_higher_priority_gets_the_room_of_the_lower_once_it_is_free() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=1_000, priority=90, preempt=True)

    victim, placed = world.latest("low"), world.latest("high")
    assert victim.why_removed == "displaced by high.1 (priority 90)"
    assert victim.displaced_by == placed.id
    assert world.summary("low").reason == "stopping: displaced by high.1 (priority 90)"
    assert world.summary("high").reason == "waits for the room of low.1"
    assert not [one for one in world.orders[node_id("w1")] if isinstance(one, Run)], "too early"

    world.run_all()
    assert world.where("high") == {1: "w1"}
    assert world.latest("high").ready
    assert waits(world, "low") == (
        "displaced by high.1 (priority 90); no node fits: 1 lacks cpu (w1, 1 core short)"
    )


def test_nobody_is_displaced_where_it_is_not_asked_for_or_by_an_equal() -> None:
    world = full_world("w1")
    world.submit("polite", cpu_millis=1_000, priority=90)
    world.submit("equal", cpu_millis=1_000, priority=10, preempt=True)
    assert world.where("low") == {1: "w1"}
    assert waits(world, "polite") == "no node fits: 1 lacks cpu (w1, 1 core short)"
    assert waits(world, "equal") == (
        "no node fits: 1 lacks cpu (w1, 1 core short); "
        "nothing of lower priority would make room on w1"
    )
    [_, told] = world.told(EventKind.SLOT_WAITING)
    assert told.code == "resources,no_victim"


def test_the_nodes_that_could_be_cleared_are_named_and_no_others() -> None:
    world = full_world("w1", "w2", "w3", priority=90)
    world.tell(SetAvailability(node_id("w3"), Availability.CORDONED))
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    assert waits(world, "high").endswith("; nothing of lower priority would make room on w1 or w2")
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    world.tell(SetAvailability(node_id("w2"), Availability.CORDONED))
    assert waits(world, "high") == "no node fits: 3 are cordoned (w1, w2, w3)"


def test_what_was_displaced_itself_does_not_say_that_it_found_nobody() -> None:
    world = full_world("w1", preempt=True, priority=50)
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    world.run_all()
    assert waits(world, "low") == (
        "displaced by high.1 (priority 90); no node fits: 1 lacks cpu (w1, 4 cores short)"
    )


def test_the_room_is_kept_from_the_victims_successor_and_everybody_else() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    world.submit("between", cpu_millis=1_000, priority=100)
    world.run_all()
    assert world.where("high") == {1: "w1"}
    assert "lacks cpu" in waits(world, "between")
    assert "lacks cpu" in waits(world, "low")


def test_a_restarted_manager_keeps_the_room_and_orders_only_when_it_is_free() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    victim, placed = world.latest("low"), world.latest("high")
    world.restart_manager()
    world.join("w1", holding=(victim.id,))
    assert [order.id for order in world.orders[node_id("w1")]] == [victim.id], "removed, not run"
    assert world.summary("high").reason == "waits for the room of low.1"
    world.run_all()
    assert world.latest("high").id == placed.id
    assert world.where("high") == {1: "w1"}


def test_room_that_was_freed_while_the_manager_was_away_is_taken_at_the_hello() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    victim = world.latest("low")
    world.restart_manager()
    world.join("w1")
    assert [type(order) for order in world.orders[node_id("w1")]] != [Run]
    world.report(victim, phase=Phase.REMOVED)
    assert [order.id for order in world.orders[node_id("w1")] if isinstance(order, Run)] == [
        world.latest("high").id
    ]


def test_a_displaced_slot_goes_where_there_is_room_and_displaces_nobody_itself() -> None:
    world = full_world("w1", preempt=True, priority=50)
    world.join("w2")
    world.submit("lowest", cpu_millis=WHOLE, priority=1)
    here = ("node.name==w1",)
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True, constraints=here)
    world.run_all()
    assert world.where("high") == {1: "w1"}
    assert world.where("lowest") == {1: "w2"}
    assert not world.where("low")
    world.join("w3")
    assert world.where("low") == {1: "w3"}


def test_each_replica_displaces_as_few_as_it_needs() -> None:
    world = World()
    world.join("w1", "w2")
    world.submit("low", replicas=8, cpu_millis=1_000, priority=10)
    world.run_all()
    world.submit("high", replicas=3, cpu_millis=2_000, priority=90, preempt=True)
    world.run_all()
    assert sorted(world.where("high").values()) in (["w1", "w1", "w2"], ["w1", "w2", "w2"])
    assert len(world.where("low")) == 2


def test_what_leaves_anyway_makes_room_without_a_victim() -> None:
    world = full_world("w1", "w2")
    world.tell(Scale(task_id("low"), 1))
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    assert world.summary("high").reason == "waits for the room of low.2"
    world.run_all()
    assert len(world.where("low")) == len(world.where("high")) == 1


def test_it_goes_elsewhere_when_there_is_room_before_its_own_is_free() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    world.join("w2")
    assert world.where("high") == {1: "w2"}
    world.run_all()
    assert world.where("low") == {1: "w1"}, "the victim came back to where it was"


def test_a_stopped_one_leaves_the_room_to_its_victim() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    world.stop("high")
    world.run_all()
    assert world.where("low") == {1: "w1"}
    assert not [one for one in world.told(EventKind.ALLOCATION_RUNNING) if one.task == "high"]


def test_a_new_revision_of_what_awaits_room_never_reaches_the_old_allocation() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    first = world.latest("high")
    spec = a_spec(name="high", image="new:2", cpu_millis=WHOLE, priority=90, preempt=True)
    world.tell(Apply(task_id("high"), spec))
    world.run_all()
    assert world.latest("high").id != first.id
    assert world.latest("high").template_revision == world.task("high").template_revision
    assert world.where("high") == {1: "w1"}


def test_a_container_that_cannot_be_removed_is_not_counted_on() -> None:
    world = full_world("w1", "w2")
    world.tell(Scale(task_id("low"), 1))
    stuck = next(
        one for one in world.core.cluster.allocations.values() if one.wanted is Wanted.REMOVE
    )
    failure = Failure(FailureKind.STUCK, "cannot be killed")
    world.report(stuck, phase=Phase.STOPPING, failure=failure)
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    assert world.summary("high").reason == "waits for the room of low.1"


def test_a_lowered_priority_makes_room_for_who_waits() -> None:
    world = full_world("w1", priority=50)
    world.submit("high", cpu_millis=WHOLE, priority=50, preempt=True)
    assert waits(world, "high")
    spec = a_spec(name="low", cpu_millis=WHOLE, priority=49)
    world.tell(Apply(task_id("low"), spec))
    world.run_all()
    assert world.where("high") == {1: "w1"}


def test_a_lost_node_ends_the_wait_for_its_room() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    world.epochs.clear()
    world.pass_time(10)
    assert "1 is lost" in waits(world, "high")
    world.join("w2")
    world.run_all()
    assert world.where("high") == {1: "w2"}


def test_what_awaits_room_is_displaced_by_nobody() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=50, preempt=True)
    world.submit("higher", cpu_millis=WHOLE, priority=90, preempt=True)
    assert waits(world, "higher")
    world.run_all()
    # Once it has its room it can be displaced like any other.
    assert world.where("higher") == {1: "w1"}
    assert waits(world, "high").startswith("displaced by higher.1 (priority 90)")


def test_a_cordoned_node_is_not_cleared() -> None:
    world = full_world("w1")
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    world.submit("high", cpu_millis=1_000, priority=90, preempt=True)
    assert world.where("low") == {1: "w1"}


def test_freed_room_is_offered_to_the_highest_priority_then_to_the_oldest() -> None:
    world = full_world("w1")
    for name, priority in (("c", 20), ("a", 60), ("b", 60)):
        world.submit(name, cpu_millis=3_000, priority=priority)
        world.pass_time(1)
    world.stop("low")
    world.run_all()
    assert world.where("a") == {1: "w1"}
    world.stop("a")
    world.run_all()
    assert world.where("b") == {1: "w1"}
    assert waits(world, "c")


def test_the_work_of_a_lost_node_is_placed_in_the_order_of_priorities() -> None:
    world = World()
    world.join("w1")
    for name, priority in (("a", 20), ("b", 60), ("c", 40)):
        world.submit(name, cpu_millis=1_300, priority=priority)
    world.run_all()
    world.join("w2", "w3")
    for number in (1, 2):
        world.submit(f"other{number}", cpu_millis=2_500, priority=100)
    world.run_all()
    world.epochs.pop(node_id("w1"))
    world.pass_time(10)
    assert world.where("b") and world.where("c")
    assert waits(world, "a")


def test_a_report_of_somebody_else_orders_nothing() -> None:
    world = full_world("w1")
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    placed = world.latest("high")
    seen = ((placed.id, Observed(phase=Phase.ASSIGNED, sequence=99)),)
    world.tell(Observe(node_id("w1"), world.epochs[node_id("w1")], seen))
    assert not [one for one in world.orders[node_id("w1")] if isinstance(one, Run)]


def test_an_equal_stays_also_beside_a_lower_one() -> None:
    world = World()
    world.join("w1")
    world.submit("lower", cpu_millis=2_000, priority=10)
    world.submit("equal", cpu_millis=2_000, priority=90)
    world.run_all()
    world.submit("high", cpu_millis=2_000, priority=90, preempt=True)
    world.submit("larger", cpu_millis=3_000, priority=90, preempt=True)
    world.run_all()
    assert world.where("equal") == world.where("high") == {1: "w1"}
    assert not world.where("lower")
    assert waits(world, "larger")


def test_of_equally_cheap_victims_an_equal_is_none() -> None:
    world = World()
    world.join("w1")
    world.submit("low", cpu_millis=1_000, priority=10)
    world.submit("equal", cpu_millis=3_000, priority=90)
    world.run_all()
    # One victim would be enough if it were the equal; the lower one alone is not.
    world.submit("high", cpu_millis=2_000, priority=90, preempt=True)
    assert waits(world, "high")
    assert world.where("low") == {1: "w1"}


def test_a_slot_that_awaits_room_does_not_leave_for_a_node_that_it_avoids() -> None:
    world = World()
    world.join("w1", "w2")
    world.submit("low", cpu_millis=WHOLE, priority=10, constraints=("node.name==w1",))
    world.run_all()
    world.submit("high", cpu_millis=WHOLE, priority=90, preempt=True)
    assert world.where("high") == {1: "w2"}
    taken = Failure(FailureKind.PORT_TAKEN, "port 8080 is taken")
    world.report(world.latest("high"), phase=Phase.FAILED, failure=taken)
    world.run_all("w2")
    # It has left w2 for a while, which has room; planning it must come to an end.
    assert world.where("high") == {1: "w1"}
    assert world.summary("high").reason == "waits for the room of low.1"
    world.join("w2")
    assert world.summary("high").reason == "waits for the room of low.1"
