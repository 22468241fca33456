"""A ledger was put back: what runs is put on record again, and nothing is done to it before all is known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core.effects import Accepted, Rejected, Snapshot
from cube.core.inputs import (
    Connect,
    Described,
    EndRecovery,
    Observe,
    RemoveNode,
    Restart,
    Scale,
    SetAvailability,
    Stop,
    Submit,
)
from cube.model.allocation import Allocation, Exit, Observed, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId
from cube.model.lineage import REVISIONS_PER_GENERATION, Lineage
from cube.model.node import Availability, Facts
from cube.model.orders import Describe, Description, Holding, Remove, Run
from cube.model.spec import TaskSpec
from cube.model.task import Goal
from tests.builders import CAPACITY, a_spec, node_id, task_id
from tests.world import World

LEAST = 10.0  # recovery_least of the default timing


class Machines:
    """What the workers of a world truly run: the spec of each allocation is that of its containers' labels."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.running: dict[NodeId, dict[AllocationId, tuple[Allocation, TaskSpec]]] = {}

    def remember(self) -> None:
        """Take what is on record now for what runs."""
        cluster = self.world.core.cluster
        for one in cluster.allocations.values():
            if not one.gone and not one.lost:
                spec = cluster.tasks[one.task_id].spec
                self.running.setdefault(one.node_id, {}).setdefault(one.id, (one, spec))

    def calls(self, name: str) -> None:
        """The worker says what it holds."""
        held = self.running.get(node_id(name), {}).values()
        self.world.join(
            name, holding=tuple(Holding(id=one.id, revision=one.revision) for one, _ in held)
        )

    def answers(self, name: str) -> None:
        """The worker describes what it is asked for, and is as it was for the rest."""
        node, world = node_id(name), self.world
        asked = [order for order in world.orders[node] if isinstance(order, Describe)]
        if asked:
            known = [self.running[node][order.id] for order in asked]
            world.tell(Described(node, world.epochs[node], tuple(map(described, known))))

    def come_back(self, *names: str) -> None:
        """The workers call and describe what they are asked for."""
        for name in names:
            self.calls(name)
        for name in names:
            self.answers(name)


def described(known: tuple[Allocation, TaskSpec]) -> Description:
    one, spec = known
    return Description(id=one.id, revision=one.revision, spec=spec, observed=one.observed)


@pytest.fixture
def world() -> World:
    world = World()
    world.join("w1", "w2")
    world.submit("old", replicas=2)
    world.run_all()
    return world


@pytest.fixture
def machines(world: World) -> Machines:
    machines = Machines(world)
    machines.remember()
    return machines


def lose_what_follows(world: World, machines: Machines, *names: str) -> Snapshot:
    """Run these tasks, and put the ledger back to before; return how it was then."""
    before = world.ledger
    for name in names:
        world.submit(name, replicas=2)
    world.run_all()
    machines.remember()
    world.put_back(before)
    return before


def removals(world: World) -> list[AllocationId]:
    """What was ordered away and not carried out yet."""
    return [one.id for all in world.orders.values() for one in all if isinstance(one, Remove)]


def has_ended(world: World) -> bool:
    return world.core.recovering is None


# -- what is lost is found ----------------------------------------------------------------------------------------


def test_what_the_ledger_does_not_know_is_described_and_put_on_record(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")

    machines.calls("w1")
    [order] = [one for one in world.orders[node_id("w1")] if isinstance(one, Describe)]
    machines.calls("w2")
    machines.answers("w1")
    machines.answers("w2")

    assert order.id in ran
    assert {one: world.core.cluster.allocations[one].node_id for one in ran} == {
        one: allocation.node_id for one, allocation in ran.items()
    }
    assert world.task("new").spec == a_spec(name="new", replicas=2)
    assert removals(world) == []
    assert world.told(EventKind.TASK_ADOPTED)
    assert len(world.told(EventKind.ALLOCATION_ADOPTED)) == 2


def lose_and_remember(
    world: World, machines: Machines, *names: str
) -> dict[AllocationId, Allocation]:
    """Run these tasks, lose their record, and return their allocations."""
    known = set(world.core.cluster.allocations)
    lose_what_follows(world, machines, *names)
    return {
        id: one
        for held in machines.running.values()
        for id, (one, _) in held.items()
        if id not in known
    }


def test_after_the_recovery_what_was_adopted_goes_on_as_it_ran(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)

    assert has_ended(world)
    for id, one in ran.items():
        assert world.core.cluster.allocations[id].observed.phase is one.observed.phase
    world.run_all()
    assert set(ran) <= world.live_ids()
    assert len(world.live_ids()) == 4
    assert not world.told(EventKind.ALLOCATION_STOPPING)


def test_an_adopted_allocation_is_followed_by_later_reports(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.come_back("w1", "w2")
    one = world.core.cluster.allocations[next(iter(ran))]
    world.report(one, phase=Phase.FAILED, exit=Exit(3))

    assert world.core.cluster.allocations[one.id].observed.exit == Exit(3)


def test_a_report_that_comes_before_the_description_is_not_lost(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.calls("w1")
    [one] = [one for one in ran.values() if one.node_id == node_id("w1")]
    world.report(one, phase=Phase.COMPLETED, exit=Exit(0))
    assert removals(world) == []
    machines.answers("w1")

    assert world.core.cluster.allocations[one.id].observed.phase is Phase.COMPLETED


def test_what_was_removed_before_it_was_described_is_not_waited_for(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.calls("w1")
    machines.calls("w2")
    for one in ran.values():
        world.report(one, phase=Phase.REMOVED)
    world.pass_time(LEAST + 1)

    assert has_ended(world)
    assert not set(ran) & set(world.core.cluster.allocations)


def test_a_worker_that_calls_again_is_asked_again_for_what_it_holds_then(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.calls("w1")
    machines.calls("w2")
    gone = next(iter(ran.values()))
    del machines.running[gone.node_id][gone.id]
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)

    assert has_ended(world)
    assert gone.id not in world.core.cluster.allocations


def test_a_completed_stay_is_adopted_and_its_work_is_not_done_again(world: World) -> None:
    machines = Machines(world)
    before = world.ledger
    world.submit("job")
    world.run_all()
    world.report(world.latest("job"), phase=Phase.COMPLETED, exit=Exit(0))
    machines.remember()
    world.put_back(before)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)
    world.run_all()

    assert has_ended(world)
    assert world.latest("job").observed.exit == Exit(0)
    assert world.latest("job").generation == 1


def test_what_was_removed_on_record_is_still_removed(world: World, machines: Machines) -> None:
    world.tell(Scale(task_id("old"), 1))
    world.run_all()
    world.put_back(world.ledger)
    machines.come_back("w1", "w2")

    assert removals(world) == [AllocationId(f"{task_id('old')}.2.1")]


# -- nothing else happens meanwhile -------------------------------------------------------------------------------


def test_nothing_is_placed_while_a_node_on_record_is_missing(
    world: World, machines: Machines
) -> None:
    before = world.ledger
    world.put_back(replace(before, allocations=[], revision=before.revision))
    machines.calls("w1")
    world.pass_time(120.0)

    assert "1 node did not call yet: w2" in (world.core.recovering or "")
    assert world.core.cluster.allocations == {}
    assert not world.told(EventKind.NODE_LOST)


def test_what_a_worker_does_not_hold_is_not_begun_before_the_end(
    world: World, machines: Machines
) -> None:
    world.put_back(world.ledger)
    machines.running[node_id("w1")].clear()
    machines.calls("w1")
    machines.calls("w2")
    assert [one for one in world.orders[node_id("w1")] if isinstance(one, Run)] == []
    assert [one for one in world.orders[node_id("w2")] if isinstance(one, Run)]
    world.pass_time(LEAST + 1)

    assert [one for one in world.orders[node_id("w1")] if isinstance(one, Run)]


@pytest.mark.parametrize(
    "wish",
    [
        Submit(task_id("more"), a_spec(name="more")),
        Scale(task_id("old"), 3),
        Stop(task_id("old")),
        Restart(task_id("old")),
        RemoveNode(node_id("w1")),
    ],
)
def test_users_can_change_nothing_and_are_told_why(
    world: World, wish: Submit | Scale | Stop | Restart | RemoveNode
) -> None:
    world.put_back(world.ledger)
    effects = world.tell(wish)

    assert isinstance(effects.answer, Rejected)
    assert effects.answer.code == "recovering"
    assert "2 nodes did not call yet: w1, w2" in effects.answer.message
    assert "cube manager recover --accept" in effects.answer.hint
    assert not effects.writes


# -- how it ends ------------------------------------------------------------------------------------------------


def test_it_ends_when_all_nodes_have_told_and_time_has_passed_for_others(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    machines.come_back("w1", "w2")
    world.pass_time(LEAST - 1)
    assert not has_ended(world)
    assert "may be about to call" in (world.core.recovering or "")
    world.pass_time(2)

    assert has_ended(world)
    assert not world.ledger.lineage.recovering
    [ended] = world.told(EventKind.MANAGER_RECOVERED)
    assert ended.message == "every node on record has told what it runs"
    assert isinstance(world.tell(Scale(task_id("new"), 3)).answer, Accepted)


def test_it_waits_for_descriptions_and_for_engines_that_do_not_answer(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    machines.calls("w1")
    tell_of_a_dead_engine(world, "w2")
    world.pass_time(LEAST + 1)
    assert world.core.recovering == "1 node did not call yet: w2"
    machines.calls("w2")
    assert world.core.recovering == "2 containers to be described by their workers"
    machines.come_back("w1", "w2")
    world.pass_time(1)

    assert has_ended(world)


def test_what_a_worker_reports_before_it_knows_all_it_holds_is_not_called_strange(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    tell_of_a_dead_engine(world, "w1")
    w1 = node_id("w1")
    strange = next(
        one
        for one, _ in machines.running[w1].values()
        if one.id not in world.core.cluster.allocations
    )
    epoch = world.core.cluster.nodes[w1].epoch
    assert world.tell(Observe(w1, epoch, ((strange.id, strange.observed),))).orders == {}

    machines.come_back("w1", "w2")
    assert strange.id in world.core.cluster.allocations


def tell_of_a_dead_engine(world: World, name: str) -> None:
    facts = Facts(name=name, capacity=CAPACITY)
    world.tell(
        Connect(
            node_id=node_id(name),
            cluster_id="c1",
            facts=facts,
            runtime_error="no engine answers",
            blind=True,
        )
    )


def test_an_administrator_ends_it(world: World, machines: Machines) -> None:
    lose_what_follows(world, machines, "new")
    machines.come_back("w1")
    world.tell(EndRecovery())

    assert has_ended(world)
    [ended] = world.told(EventKind.MANAGER_RECOVERED)
    assert ended.message == "by request; 1 node did not call yet: w2"
    assert not world.tell(EndRecovery()).writes
    world.pass_time(30.0)
    assert world.told(EventKind.NODE_LOST)


def test_it_goes_on_after_a_restart_of_the_manager(world: World, machines: Machines) -> None:
    lose_what_follows(world, machines, "new")
    machines.come_back("w1")
    world.restart_manager()
    assert "w1, w2" in (world.core.recovering or "")
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)

    assert has_ended(world)


def test_a_ledger_begun_from_nothing_waits_for_the_administrator(
    world: World, machines: Machines
) -> None:
    world.put_back(Snapshot(cluster_id="c1"))
    assert world.core.recovering == "no node has called yet"
    machines.come_back("w1", "w2")
    world.pass_time(120.0)
    assert world.core.recovering == "nothing is on record of how many nodes there are"
    world.tell(EndRecovery())

    assert has_ended(world)
    assert world.task("old").spec == a_spec(name="old", replicas=2)
    assert len(world.live_ids()) == 2
    assert removals(world) == []


# -- numbers ------------------------------------------------------------------------------------------------------


def test_revisions_and_generations_that_were_lost_are_not_given_again(
    world: World, machines: Machines
) -> None:
    newest = replace_ledger_after_losing(world, machines)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)
    world.tell(Restart(task_id("old")))
    world.run_all()

    assert world.told(EventKind.TASK_CHANGED)[-1].revision > newest
    assert world.latest("old").generation > world.now.wall_ms // 1000 - 60


def replace_ledger_after_losing(world: World, machines: Machines) -> int:
    before = world.ledger
    world.submit("new")
    world.run_all()
    machines.remember()
    newest = world.ledger.revision
    world.put_back(before)
    return newest


def test_a_ledger_that_is_put_back_twice_to_the_same_state_still_knows_what_it_lost(
    world: World, machines: Machines
) -> None:
    before = world.ledger
    lose_what_follows(world, machines)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)
    world.submit("second")
    world.run_all()
    machines.remember()
    stay = world.latest("second")
    world.pass_time(60.0)
    world.put_back(before)
    machines.come_back("w1", "w2")

    assert stay.id in world.core.cluster.allocations
    assert world.core.cluster.lineage.generation > stay.generation


def test_a_ledger_that_somebody_copied_by_hand_is_noticed_by_what_a_worker_holds(
    world: World, machines: Machines
) -> None:
    before = world.ledger
    world.submit("new", replicas=2)
    world.run_all()
    machines.remember()
    world.put_back(before, marked=False)
    assert has_ended(world)
    machines.come_back("w1", "w2")

    assert not has_ended(world)
    [noticed] = world.told(EventKind.MANAGER_RECOVERING)
    assert f"the ledger ends at revision {before.revision}, but w1 runs" in noticed.message
    assert world.task("new").spec.replicas == 2
    assert removals(world) == []
    world.pass_time(LEAST + 1)
    assert has_ended(world)


# -- what had become of tasks -------------------------------------------------------------------------------------


def test_the_newest_container_says_what_its_task_had_become(
    world: World, machines: Machines
) -> None:
    before = world.ledger
    world.tell(Scale(task_id("old"), 3))
    world.run_all()
    machines.remember()
    world.tell(Scale(task_id("old"), 4))
    world.run_all()
    machines.remember()
    world.put_back(before)
    machines.come_back("w2", "w1")
    world.pass_time(LEAST + 1)

    assert world.task("old").spec.replicas == 4
    assert len(world.live_ids()) == 4
    assert world.task("old").revision > 1


@pytest.mark.parametrize("first", ["w1", "w2"])
def test_the_newest_container_wins_in_whatever_order_the_workers_call(first: str) -> None:
    world = World()
    world.join("w1", "w2")
    machines = Machines(world)
    before = world.ledger
    world.submit("web")
    world.run_all()
    machines.remember()
    stay = world.latest("web")
    newer = replace(stay, id=AllocationId(f"{stay.task_id}.2.1"), revision=stay.revision + 5)
    machines.running[node_id("w2" if first == "w1" else "w1")] = {
        newer.id: (newer, a_spec(image="busybox:2", replicas=2))
    }
    machines.running[node_id(first)] = {stay.id: (stay, a_spec())}
    world.put_back(before)
    machines.come_back("w1", "w2")

    assert world.task("web").spec == a_spec(image="busybox:2", replicas=2)
    slots = world.core.cluster.rosters[task_id("web")]
    assert slots.outdated == {1}


def test_a_slot_that_runs_is_kept_although_a_newer_container_knows_of_fewer(world: World) -> None:
    machines = Machines(world)
    before = world.ledger
    world.submit("web", replicas=3)
    world.run_all()
    machines.remember()
    for held in machines.running.values():
        for id, (one, spec) in held.items():
            if one.slot == 1 and one.task_id == task_id("web"):
                held[id] = (replace(one, revision=one.revision + 50), replace(spec, replicas=1))
    world.put_back(before)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)

    assert world.task("web").spec.replicas == 3
    assert removals(world) == []


def test_a_slot_that_runs_on_record_is_kept_although_a_container_knows_of_fewer(
    world: World, machines: Machines
) -> None:
    stay = world.latest("old", 1)
    newer = replace(stay, id=AllocationId(f"{stay.task_id}.1.2"), generation=2, revision=900)
    del machines.running[stay.node_id][stay.id]
    machines.running[stay.node_id][newer.id] = (newer, a_spec(name="old", replicas=1))
    world.put_back(world.ledger)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)

    assert world.task("old").spec.replicas == 2
    assert world.latest("old", 2).live


def test_a_task_that_was_started_again_since_runs_again(world: World, machines: Machines) -> None:
    world.stop("old")
    world.run_all()
    machines.running.clear()
    before = world.ledger
    world.submit("old", image="busybox:3")
    world.run_all()
    machines.remember()
    world.put_back(before)
    machines.come_back("w1", "w2")

    assert world.task("old").goal is Goal.RUN
    assert world.task("old").spec.image == "busybox:3"


def test_a_name_that_was_given_to_another_task_since_gets_a_number(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.calls("w1")
    machines.calls("w2")
    world.tell(EndRecovery())
    world.tell(Submit(task_id("another"), a_spec(name="new")))
    machines.answers("w1")
    machines.answers("w2")

    assert world.task("new").id == task_id("another")
    assert world.task("new-2").id == task_id("new")
    assert set(ran) <= set(world.core.cluster.allocations)
    assert len(world.where("new-2")) == 2


def test_a_newer_stay_of_a_slot_takes_the_place_of_the_older_on_record(
    world: World, machines: Machines
) -> None:
    older = world.latest("old", 1)
    newer = replace(older, id=AllocationId(f"{older.task_id}.1.2"), generation=2, revision=900)
    other = "w2" if world.where("old")[1] == "w1" else "w1"
    newer = replace(newer, node_id=node_id(other))
    machines.running[node_id(other)][newer.id] = (newer, a_spec(name="old", replicas=2))
    world.put_back(world.ledger)
    machines.come_back("w1", "w2")

    assert world.latest("old", 1).id == newer.id
    assert world.core.cluster.allocations[older.id].lost
    assert removals(world) == [older.id]


def test_a_newer_stay_takes_the_place_of_all_that_are_on_record_those_on_their_way_out_too() -> (
    None
):
    world = World()
    world.join("w1", "w2", "w3")
    world.submit("old")
    world.run_all()
    first = world.latest("old")
    world.tell(SetAvailability(first.node_id, Availability.DRAINING))
    (new,) = {node_id(name) for name in ("w1", "w2", "w3") if world.orders[node_id(name)]}
    world.run_all(next(name for name in ("w1", "w2", "w3") if node_id(name) == new))
    second = world.latest("old")
    assert (second.node_id, first.id in world.core.cluster.allocations) == (new, True)
    on_record = world.ledger
    newest = replace(
        second, id=AllocationId(f"{first.task_id}.1.3"), generation=3, revision=900, relieves=None
    )
    (third,) = {node_id(name) for name in ("w1", "w2", "w3")} - {first.node_id, new}
    machines = Machines(world)
    machines.running[third] = {newest.id: (replace(newest, node_id=third), a_spec(name="old"))}

    world.put_back(on_record)
    machines.come_back("w1", "w2", "w3")

    assert world.latest("old").id == newest.id
    assert all(world.core.cluster.allocations[one.id].lost for one in (first, second))


@pytest.mark.parametrize("asked_before", [True, False])
def test_an_older_stay_that_is_told_of_too_late_is_ordered_away(
    world: World, machines: Machines, asked_before: bool
) -> None:
    stay = world.latest("old", 1)
    spec = a_spec(name="old", replicas=2)
    two, three = (
        replace(
            stay,
            id=AllocationId(f"{stay.task_id}.1.{generation}"),
            generation=generation,
            revision=900 + generation,
        )
        for generation in (2, 3)
    )
    machines.running = {
        node_id("w1"): {two.id: (two, spec)},
        node_id("w2"): {three.id: (three, spec)},
    }
    world.put_back(world.ledger)
    if asked_before:
        machines.calls("w1")
    machines.come_back("w2")
    if not asked_before:
        machines.calls("w1")
    machines.answers("w1")

    assert world.latest("old", 1).id == three.id
    assert two.id in removals(world)
    assert two.id not in world.core.cluster.allocations


# -- late ones ----------------------------------------------------------------------------------------------------


def test_a_worker_that_comes_after_the_end_is_asked_all_the_same(
    world: World, machines: Machines
) -> None:
    before = world.ledger
    world.join("w3")
    world.submit("new", replicas=3)
    world.run_all()
    machines.remember()
    world.put_back(before)
    machines.come_back("w1", "w2")
    world.pass_time(LEAST + 1)
    assert has_ended(world)
    late = list(machines.running[node_id("w3")])
    machines.come_back("w3")

    adopted = [one for one in late if one in world.live_ids()]
    replaced = [one for one in late if one in removals(world)]
    assert sorted(adopted + replaced) == sorted(late)


def test_nothing_is_placed_while_a_late_worker_describes_what_it_holds(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    machines.calls("w1")
    machines.calls("w2")
    world.tell(EndRecovery())
    machines.answers("w1")
    assert len(world.where("new")) == 1
    machines.answers("w2")

    assert len(world.where("new")) == 2
    assert removals(world) == []


def test_a_late_worker_that_never_describes_anything_is_waited_for_in_vain_once(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    machines.calls("w1")
    machines.calls("w2")
    world.tell(EndRecovery())
    machines.answers("w1")
    world.pass_time(LEAST + 1)

    assert len(world.where("new")) == 2
    machines.answers("w2")
    assert len(removals(world)) == 1


def test_what_a_user_wished_after_the_end_stands_against_a_late_container(
    world: World, machines: Machines
) -> None:
    lose_and_remember(world, machines, "new")
    machines.come_back("w1")
    world.tell(EndRecovery())
    world.stop("new")
    machines.come_back("w2")

    assert world.task("new").goal is Goal.STOP
    late = [id for id in machines.running[node_id("w2")] if id.startswith(task_id("new"))]
    assert set(late) <= set(removals(world))


def test_a_description_from_a_session_that_was_replaced_changes_nothing(
    world: World, machines: Machines
) -> None:
    ran = lose_and_remember(world, machines, "new")
    machines.calls("w1")
    [one] = [one for one in ran.values() if one.node_id == node_id("w1")]
    told = described(machines.running[one.node_id][one.id])
    effects = world.tell(Described(one.node_id, world.epochs[one.node_id] - 1, (told,)))

    assert not effects.writes
    assert one.id not in world.core.cluster.allocations


def test_nobody_is_asked_where_nothing_was_lost(world: World, machines: Machines) -> None:
    stranger = Holding(id=AllocationId(f"{task_id('gone')}.1.1"), revision=2)
    world.join("w1", holding=(stranger,))

    assert removals(world) == [stranger.id]
    unknown = Description(
        id=stranger.id, revision=2, spec=a_spec(name="gone"), observed=Observed(phase=Phase.RUNNING)
    )
    world.tell(Described(node_id("w1"), world.epochs[node_id("w1")], (unknown,)))
    assert stranger.id not in world.core.cluster.allocations


def test_the_least_generation_follows_from_the_lineage() -> None:
    lineage = Lineage().put_back(40, now_ms=1_700_000_000_000)
    assert lineage.generation == lineage.revision // REVISIONS_PER_GENERATION == 1_700_000_000


def test_reports_of_a_stray_are_answered_with_its_removal_when_it_was_not_lost(
    world: World, machines: Machines
) -> None:
    lose_what_follows(world, machines, "new")
    machines.calls("w1")
    stranger = AllocationId(f"{task_id('gone')}.1.1")
    seen = Observed(phase=Phase.RUNNING, sequence=99)
    world.tell(Observe(node_id("w1"), world.epochs[node_id("w1")], ((stranger, seen),)))

    assert removals(world) == [stranger]
