"""What applying a task would change, in which order and where to, without doing it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cube.core.diff import FieldChange
from cube.core.effects import Rejected
from cube.core.inputs import Apply, Scale, Submit
from cube.core.plan import Action, Draft, Plan, draft, plan
from cube.model.allocation import Exit, Phase
from cube.model.event import EventKind
from cube.model.resources import Resources
from tests.builders import GIB, a_spec, node_id, task_id
from tests.world import World

W1, W2, W3 = node_id("w1"), node_id("w2"), node_id("w3")
SMALL = Resources(4_000, GIB, 0)


def drafted(world: World, wish: Submit | Apply) -> Draft:
    found = draft(world.core.cluster, wish, strategy="spread", now=world.now)
    assert isinstance(found, Draft)
    return found


def applied(world: World, name: str = "web", **fields: object) -> Plan:
    """What `cube plan` shows of a task with these fields."""
    found = drafted(world, Apply(task_id(f"new {name}"), a_spec(name=name, **fields)))
    return plan(found.excerpt, found.before)


def moves(made: Plan) -> list[tuple[int, int, str, object, object]]:
    return [(one.step, one.number, one.action.value, one.before, one.after) for one in made.slots]


def a_world(*names: str, capacity: Resources = SMALL) -> World:
    world = World()
    world.join(*names, capacity=capacity)
    return world


def test_a_new_task_is_created_with_a_place_for_each_replica() -> None:
    made = applied(a_world("w1", "w2"), replicas=3)

    assert (made.new, made.changed, made.fits, made.fields) == (True, True, True, ())
    assert moves(made) == [
        (1, 1, "create", None, W1),
        (1, 2, "create", None, W2),
        (1, 3, "create", None, W1),
    ]


def test_the_same_again_is_no_change_and_says_what_waits() -> None:
    world = a_world("w1")
    world.submit("web", replicas=2, memory_bytes=GIB)
    made = applied(world, replicas=2, memory_bytes=GIB)

    assert (made.changed, made.fields) == (False, ())
    assert moves(made) == [(0, 1, "keep", W1, W1), (0, 2, "keep", None, None)]
    assert made.slots[1].why.startswith("no node fits")


def test_what_works_is_replaced_one_by_one_after_the_new_ones_came() -> None:
    world = a_world("w1", "w2", "w3")
    world.submit("web", replicas=2)
    world.run_all("w1", "w2", "w3")
    made = applied(world, replicas=3, image="busybox:2")

    assert made.fields == (
        FieldChange("image", "busybox:latest", "busybox:2"),
        FieldChange("replicas", 2, 3),
    )
    assert moves(made) == [
        (2, 1, "replace", W1, W1),
        (3, 2, "replace", W2, W2),
        (1, 3, "create", None, W3),
    ]


def test_what_does_not_work_is_replaced_at_once() -> None:
    world = a_world("w1", "w2")
    world.submit("web", replicas=2)
    for allocation in list(world.core.cluster.allocations.values()):
        world.report(allocation, phase=Phase.EXITED, exit=Exit(1), retry_in_ms=1_000)
    made = applied(world, replicas=2, image="busybox:2")

    assert [(one.step, one.action) for one in made.slots] == [(1, Action.REPLACE)] * 2


def test_nodes_take_turns_within_a_plan_as_they_do_in_earnest() -> None:
    world = a_world("w1", "w2")
    world.submit("web", replicas=4, strategy="round-robin")
    world.run_all("w1", "w2")
    world.join("w3", capacity=SMALL)
    made = applied(world, replicas=4, strategy="round-robin", image="busybox:2")

    assert [one.after for one in made.slots][:2] == [W3, W1]


def test_scaling_down_removes_the_last_and_replaces_nothing() -> None:
    world = a_world("w1", "w2")
    world.submit("web", replicas=3)
    world.run_all("w1", "w2")
    made = applied(world, replicas=1)

    assert moves(made) == [
        (0, 1, "keep", W1, W1),
        (1, 2, "remove", W2, None),
        (1, 3, "remove", W1, None),
    ]
    assert made.fits


def test_a_change_of_constraints_moves_nothing() -> None:
    world = a_world("w1")
    world.submit("web")
    world.run_all("w1")
    made = applied(world, constraints=("zone==eu",))

    assert [one.path for one in made.fields] == ["constraints[0]"]
    assert moves(made) == [(0, 1, "keep", W1, W1)]


def test_an_update_that_fits_nowhere_stops_at_the_first_and_keeps_the_rest() -> None:
    world = a_world("w1", "w2")
    world.submit("web", replicas=2, memory_bytes=GIB)
    world.run_all("w1", "w2")
    made = applied(world, replicas=2, memory_bytes=2 * GIB)

    assert not made.fits
    assert moves(made) == [(1, 1, "replace", W1, None), (0, 2, "hold", W2, None)]
    assert made.slots[0].why.startswith("no node fits: 2 lack memory")
    assert made.slots[0].codes == ("resources",)
    assert made.slots[1].why == "stays as it is until web.1 has a place"


def test_those_that_are_alike_and_do_not_fit_are_held_together() -> None:
    world = a_world("w1", capacity=Resources(4_000, 3 * GIB, 0))
    world.submit("web", replicas=3, memory_bytes=GIB)
    world.run_all("w1")
    made = applied(world, replicas=3, memory_bytes=3 * GIB)

    assert [(one.step, one.action) for one in made.slots] == [
        (1, Action.REPLACE),
        (0, Action.HOLD),
        (0, Action.HOLD),
    ]


def test_while_one_waits_the_others_are_replaced_in_their_own_places() -> None:
    world = a_world("w1", "w2")
    world.submit("web", replicas=2, memory_bytes=GIB)
    world.run_all("w1", "w2")
    made = applied(world, replicas=3, memory_bytes=GIB, image="busybox:2")

    assert not made.fits
    assert moves(made) == [
        (2, 1, "replace", W1, W1),
        (3, 2, "replace", W2, W2),
        (1, 3, "create", None, None),
    ]


def test_a_finished_job_runs_again_with_its_next_revision() -> None:
    world = a_world("w1")
    world.submit("web")
    [allocation] = world.core.cluster.allocations.values()
    world.report(allocation, phase=Phase.COMPLETED, exit=Exit(0))
    assert moves(applied(world, image="busybox:2")) == [(1, 1, "replace", W1, W1)]


def test_what_a_lost_node_held_is_created_elsewhere() -> None:
    world = a_world("w1")
    world.submit("web", memory_bytes=GIB)
    world.run_all("w1")
    world.pass_time(10, silent=("w1",))
    assert moves(applied(world, memory_bytes=GIB, image="busybox:2")) == [
        (1, 1, "create", None, None)
    ]


def test_a_plan_is_refused_as_the_change_itself_would_be() -> None:
    world = a_world("w1")
    task = world.submit("web")

    def refused(wish: Submit | Apply) -> bool:
        found = draft(world.core.cluster, wish, strategy="spread", now=world.now)
        return isinstance(found, Rejected) and found.code == "conflict"

    assert refused(Submit(task_id("another"), a_spec(name="web")))
    assert refused(Apply(task.id, a_spec(name="web", image="busybox:2"), if_revision=7))
    assert not refused(Apply(task.id, a_spec(name="web", image="busybox:2"), if_revision=1))


def test_a_stopped_task_is_planned_as_a_new_one() -> None:
    world = a_world("w1")
    world.submit("web")
    world.stop("web")
    world.run_all("w1")
    made = applied(world)
    assert (made.new, moves(made)) == (True, [(1, 1, "create", None, W1)])
    again = drafted(world, Submit(task_id("web"), a_spec(name="web")))
    assert moves(plan(again.excerpt, again.before)) == [(1, 1, "create", None, W1)]


# -- displacing ---------------------------------------------------------------------------------------------------


def a_full_world(*names: str, priority: int = 10) -> World:
    """Each node is full of `low`, two replicas of half a node."""
    world = a_world(*names)
    world.submit("low", replicas=2 * len(names), memory_bytes=GIB // 2, priority=priority)
    world.run_all(*names)
    return world


def test_a_plan_names_whom_it_would_displace_and_displaces_nobody() -> None:
    world = a_full_world("w1", "w2")
    made = applied(world, replicas=2, memory_bytes=GIB // 2, priority=90, preempt=True)

    assert made.fits
    assert [(one.after, one.displaces, one.why) for one in made.slots] == [
        (W2, ("low.4",), "displaces low.4"),
        (W1, ("low.3",), "displaces low.3"),
    ]
    assert len(world.where("low")) == 4
    assert world.core.cluster.yielding is None


def test_what_is_displaced_for_one_replica_is_not_there_for_the_next() -> None:
    world = a_full_world("w1")
    made = applied(world, replicas=3, memory_bytes=GIB // 2, priority=90, preempt=True)

    assert [one.displaces for one in made.slots] == [("low.2",), ("low.1",), ()]
    assert not made.fits
    assert made.slots[2].after is None
    assert made.slots[2].why == (
        "no node fits: 1 lacks memory (w1, 512 MiB short); "
        "nothing of lower priority would make room on w1"
    )
    assert made.slots[2].codes == ("resources", "no_victim")


def test_a_plan_counts_on_what_leaves_anyway() -> None:
    world = a_full_world("w1")
    world.tell(Scale(task_id("low"), 1))
    [slot] = applied(world, memory_bytes=GIB // 2, priority=90, preempt=True).slots
    assert (slot.after, slot.displaces) == (W1, ())
    assert slot.why == "gets the room of what leaves there anyway"


def test_many_that_are_displaced_are_counted() -> None:
    world = a_world("w1")
    world.submit("low", replicas=8, memory_bytes=GIB // 8, priority=10)
    world.run_all("w1")
    [slot] = applied(world, memory_bytes=GIB, priority=90, preempt=True).slots
    assert len(slot.displaces) == 8
    assert slot.why == "displaces low.1, low.2, low.3 and 5 more"


def test_an_equal_is_no_victim_of_a_plan() -> None:
    world = a_full_world("w1", priority=90)
    made = applied(world, memory_bytes=GIB // 2, priority=90, preempt=True)
    assert not made.fits
    assert made.slots[0].why.endswith("nothing of lower priority would make room on w1")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_whom_a_plan_displaces_is_who_is_displaced(
    others: list[tuple[int, int]], replicas: int, gib: int, priority: int
) -> None:
    world = a_world("w1", "w2", capacity=Resources(4_000, 4 * GIB, 0))
    for number, (size, rank) in enumerate(others):
        world.submit(f"t{number}", memory_bytes=size * GIB, priority=rank)
    world.run_all()
    spec = a_spec(
        name="web", replicas=replicas, memory_bytes=gib * GIB, priority=priority, preempt=True
    )
    wish = Apply(task_id("web"), spec)
    found = drafted(world, wish)
    made = plan(found.excerpt, found.before)
    foretold = {name for slot in made.slots for name in slot.displaces}
    world.tell(wish)
    going = world.told(EventKind.ALLOCATION_STOPPING)
    assert {f"{one.task}.{one.slot}" for one in going} == foretold
    assert {slot.number: slot.after for slot in made.slots if slot.after} == {
        number: node_id(name) for number, name in world.where("web").items()
    }
