"""Moves that are worth it, and how they are made: one by one, by tasks that can do without one replica."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cube.core import rebalance as module
from cube.core.agenda import Agenda
from cube.core.changes import ForgetTask, Unassign
from cube.core.effects import Rebalanced
from cube.core.inputs import Apply, Rebalance, Scale, SetAvailability
from cube.core.moves import Move
from cube.core.rebalance import Rebalancing
from cube.core.roster import Standing
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.allocation import Failure, FailureKind, Phase
from cube.model.event import EventKind
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import Preference, Spread, Volume
from tests.builders import GIB, a_spec, node_id, task_id
from tests.world import World


def moves_of(world: World, most: int = 10, *, single: bool = False) -> tuple[Move, ...]:
    return world.core.proposal(Rebalance(most, single))


def rebalance(world: World, most: int = 10, *, single: bool = False) -> tuple[Move, ...]:
    """Ask for the moves and have all of them made."""
    answer = world.tell(Rebalance(most, single)).answer
    assert isinstance(answer, Rebalanced)
    world.run_all()
    return answer.moves


def test_replicas_of_one_task_go_apart_when_a_node_has_joined() -> None:
    world = World()
    world.join("w1", "w2")
    world.submit(replicas=4)
    world.run_all()
    world.join("w3")
    [move] = moves_of(world)
    assert (move.code, move.gain, move.target) == ("replicas", 1, node_id("w3"))
    assert move.reason in ("w1 has 1 other replica of web, w3 0", "w2 has 1 other replica of web, w3 0")  # fmt: skip
    assert world.told(EventKind.ALLOCATION_STOPPING) == []

    rebalance(world)
    assert sorted(world.where().values()) in (["w1", "w1", "w2", "w3"], ["w1", "w2", "w2", "w3"])
    assert moves_of(world) == ()


def test_one_moves_at_a_time_and_the_next_when_it_is_ready() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=6)
    world.run_all()
    world.join("w2")
    assert len(moves_of(world)) == 3
    answer = world.tell(Rebalance(10)).answer
    assert isinstance(answer, Rebalanced) and len(answer.moves) == 3
    roster = world.core.cluster.rosters[task_id("web")]
    while any(world.orders.get(node) for node in world.epochs):
        assert roster.count(Standing.READY) >= 5
        world.obey_one()
    assert sorted(world.where().values()) == ["w1"] * 3 + ["w2"] * 3
    stops = [one.message for one in world.told(EventKind.ALLOCATION_STOPPING)]
    assert stops[0] == "moved to another node: w1 has 5 other replicas of web, w2 0"


def test_a_single_replica_moves_only_when_that_is_asked_for() -> None:
    world = World()
    world.join("w1")
    world.submit("a")
    world.submit("b")
    world.run_all()
    world.join("w2")
    assert moves_of(world) == ()
    [move] = moves_of(world, single=True)
    assert move.code == "allocations"
    rebalance(world, single=True)
    assert {*world.where("a").values(), *world.where("b").values()} == {"w1", "w2"}


def test_no_more_is_moved_than_allowed() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=6)
    world.run_all()
    world.join("w2")
    assert len(rebalance(world, 2)) == 2
    assert sorted(world.where().values()) == ["w1"] * 4 + ["w2"] * 2


def test_replicas_are_spread_over_a_label_again() -> None:
    world = World()
    world.join("w1", "w2", labels={"zone": "a"})
    world.submit(replicas=2, spread=(Spread("zone"),))
    world.run_all()
    world.join("w3", labels={"zone": "b"})
    [move] = moves_of(world)
    assert (move.code, move.reason) == ("spread", "spread more evenly over zone")


def test_a_preference_is_met_when_it_can_be() -> None:
    world = World()
    world.join("w1", "w2")
    world.submit(replicas=2, prefer=(Preference("disk==ssd"),))
    world.run_all()
    world.join("w3", labels={"disk": "ssd"})
    assert [(move.code, move.reason) for move in moves_of(world)] == [
        ("preferences", "w3 is more of what it would rather have")
    ]


def test_packing_empties_a_node_where_the_rest_has_room() -> None:
    world = World(strategy="binpack")
    world.join("w1", "w2")
    for name in ("a", "b"):
        world.submit(name, cpu_millis=1_500, constraints=("node.name==w1",))
    world.submit("c", cpu_millis=1_000, constraints=("node.name==w2",))
    world.run_all()
    world.tell(Apply(task_id("c"), a_spec(name="c", cpu_millis=1_000)))
    [move] = rebalance(world, single=True)
    assert (move.code, move.reason) == (
        "free share",
        "free share without it: 0.75 on w2, 0 on w1",
    )
    assert world.where("c") == {1: "w1"}


@pytest.mark.parametrize(
    "availability", [Availability.CORDONED, Availability.DRAINING], ids=lambda one: one.value
)
def test_what_is_on_a_closed_node_is_not_moved_by_rebalancing(availability: Availability) -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=4, constraints=("node.name==w1",))
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), availability))
    world.join("w2")
    assert moves_of(world) == ()


def test_volumes_at_home_stay() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=2, volumes=(Volume("data", "/data"),))
    world.run_all()
    for slot in (1, 2):
        world.report(world.latest(slot=slot), phase=Phase.RUNNING, started_ms=1)
    world.join("w2")
    assert moves_of(world) == ()


def test_a_task_with_a_replica_that_does_not_work_is_left_alone() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=4)
    world.run_all()
    world.join("w2")
    world.report(world.latest(slot=1), phase=Phase.EXITED)
    assert moves_of(world) == ()


def test_a_restarted_manager_ends_the_move_under_way_and_begins_no_other() -> None:
    world = World()
    world.join("w1")
    world.submit(replicas=6)
    world.run_all()
    world.join("w2")
    world.tell(Rebalance(10))
    world.restart_manager()
    held = tuple(sorted(world.live_ids()))
    world.join("w2")
    world.join("w1", holding=held)
    world.run_all()
    assert sorted(world.where().values()) == ["w1"] * 5 + ["w2"]


def test_a_stopped_or_forgotten_task_does_not_hold_up_the_moves_of_others() -> None:
    world = World()
    world.join("w1")
    world.submit("a", replicas=4)
    world.submit("b", replicas=4)
    world.run_all()
    world.join("w2")
    world.tell(Rebalance(10))
    world.stop("a")
    world.run_all()
    assert sorted(world.where("b").values()) == ["w1"] * 2 + ["w2"] * 2


def crowded(*names: str, replicas: int = 4, **fields: object) -> World:
    """A world whose first node has every replica of these tasks, and a second one that has just joined."""
    world = World()
    world.join("w1")
    for name in names or ("web",):
        world.submit(name, replicas=replicas, **fields)
    world.run_all()
    world.join("w2")
    return world


def stopped(world: World) -> list[str]:
    """The slots that were told to leave their nodes, in order."""
    return [f"{one.task}.{one.slot}" for one in world.told(EventKind.ALLOCATION_STOPPING)]


def test_a_proposal_looks_at_so_many_replicas_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = crowded("a", "b", "c")
    assert len({move.task_id for move in moves_of(world)}) == 3
    monkeypatch.setattr(module, "LOOKS_AT_MOST", 2)
    assert [move.task_id for move in moves_of(world)] == [task_id("a"), task_id("b")]


def test_what_stays_by_old_rights_is_not_moved() -> None:
    world = World()
    world.join("w1", labels={"zone": "eu"})
    world.submit(replicas=4, constraints=("zone==eu",))
    world.run_all()
    world.join("w1", labels={"zone": "us"}, holding=tuple(world.live_ids()))
    world.join("w2", labels={"zone": "eu"})
    assert moves_of(world) == ()


def test_a_replica_that_was_replaced_meanwhile_is_not_moved_again() -> None:
    world = crowded(replicas=6)
    moves = world.core.proposal(Rebalance(10))
    assert len(moves) == 3
    world.tell(Rebalance(10))
    # The second that is to move leaves for another reason while the first is on its way.
    second = world.core.cluster.allocations[moves[1].allocation_id]
    port = Failure(FailureKind.PORT_TAKEN, "port 8080 is taken")
    world.report(second, phase=Phase.FAILED, failure=port)
    world.run_all()
    assert stopped(world).count(f"web.{second.slot}") == 1
    assert world.summary().ready == 6


def test_a_node_that_is_cordoned_meanwhile_keeps_what_it_has() -> None:
    world = crowded(replicas=6)
    world.tell(Rebalance(10))
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    world.run_all()
    assert len(stopped(world)) == 1
    assert sorted(world.where().values()) == ["w1"] * 5 + ["w2"]


def test_a_replica_that_was_scaled_away_meanwhile_is_not_moved() -> None:
    world = crowded(replicas=6)
    assert [move.slot for move in moves_of(world)] == [6, 5, 4]
    world.tell(Rebalance(10))
    world.tell(Scale(task_id("web"), 4))
    world.run_all()
    assert stopped(world).count("web.5") == 1
    assert sorted(world.where().values()) == ["w1"] * 3 + ["w2"]


def test_the_next_move_is_due_when_the_task_that_moves_is_forgotten() -> None:
    world = crowded("a", "b")
    cluster, agenda = world.core.cluster, Agenda(world.core.cluster)
    rebalancing = Rebalancing(cluster, lambda _: STRATEGIES["spread"])
    rebalancing.begin(moves_of(world))
    agenda.moving = under_way = rebalancing.task_id
    assert under_way is not None
    assert len(rebalancing.step()) == 1

    agenda.rolling.clear()
    forget = ForgetTask(under_way)
    cluster.apply(forget, world.now.wall_ms)
    agenda.note(forget, cluster)
    assert agenda.rolling == {under_way: None}
    [move] = rebalancing.step()
    assert isinstance(move, Unassign)
    assert cluster.allocations[move.allocation_id].task_id != under_way


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("spread", "binpack", "round-robin", "epvm")),
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from((0, 200, 700))), max_size=4),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_rebalancing_comes_to_an_end_and_keeps_the_invariants(
    strategy: str, tasks: list[tuple[int, int]], nodes: int, more: int
) -> None:
    world = World(strategy=strategy)
    capacity = Resources(cpu_millis=3_000, memory_bytes=GIB)
    world.join(*(f"w{number}" for number in range(nodes)), capacity=capacity)
    for number, (replicas, cpu) in enumerate(tasks):
        world.submit(f"t{number}", replicas=replicas, cpu_millis=cpu)
    world.run_all()
    world.join(*(f"x{number}" for number in range(more)), capacity=capacity)
    world.run_all()
    ready = world.core.cluster.rosters
    before = {id: roster.count(Standing.READY) for id, roster in ready.items()}
    for _ in range(30):
        known = world.core.cluster.inventory.cpu_free.tolist()
        moves = moves_of(world, single=True)
        assert world.core.cluster.inventory.cpu_free.tolist() == known
        if not moves:
            break
        rebalance(world, single=True)
        # One that waited may find room where another left.
        assert all(ready[id].count(Standing.READY) >= count for id, count in before.items())
    else:
        raise AssertionError("it never ends")
