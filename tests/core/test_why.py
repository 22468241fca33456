"""Why a task waits or runs where it runs, and the sentence that says so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core import why as module
from cube.core.answer import answer
from cube.core.excerpt import excerpt_of
from cube.core.inputs import Scale, SetAvailability
from cube.core.why import SlotCode, Why, why
from cube.model.allocation import Allocation, Exit, Failure, FailureKind, Health, Phase
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import HealthCheck, ProbeKind
from tests.builders import GIB, MIB, node_id, task_id
from tests.world import World


class Told:
    """What is told of a task now."""

    def __init__(
        self,
        world: World,
        name: str = "web",
        slot: int | None = None,
        recovering: str = "",
        **then: str,
    ) -> None:
        cluster = world.core.cluster
        excerpt = excerpt_of(cluster, world.task(name), strategy="spread", now=world.now)
        chosen = {int(key.removeprefix("slot")): words for key, words in then.items()}
        self.why: Why = why(excerpt, asked=slot, chosen_then=chosen, recovering=bool(recovering))
        self.answer = answer(excerpt, self.why, recovering)

    @property
    def codes(self) -> list[SlotCode]:
        return [slot.code for slot in self.why.slots]

    @property
    def nodes(self) -> list[tuple[str, int]]:
        """Every node of the only picture, with its place."""
        [picture] = self.why.pictures
        return [(one.node_name, one.place) for one in picture.explanation.verdicts]


def a_world(**memory_bytes: int) -> World:
    world = World()
    for name, amount in memory_bytes.items():
        world.join(name, capacity=Resources(4_000, amount, 0))
    return world


def stay(world: World, slot: int = 1, name: str = "web") -> Allocation:
    latest = world.core.cluster.slots(task_id(name))[slot].latest
    assert latest is not None
    return latest


def test_a_task_without_room_names_every_node_the_nearest_miss_and_what_would_help() -> None:
    world = a_world(w1=GIB, w2=GIB - 212 * MIB)
    world.submit("web", memory_bytes=2 * GIB)
    told = Told(world)

    assert told.answer == ("web.1 waits: no node fits: 2 lack memory (nearest w1, 1 GiB short; w2)")
    assert (told.codes, told.why.waits) == ([SlotCode.UNPLACEABLE], True)
    assert told.nodes == [("w1", 0), ("w2", 0)]
    [picture] = told.why.pictures
    assert picture.explanation.nearest is not None
    assert picture.explanation.nearest.node_name == "w1"
    assert picture.explanation.remedies


def test_slots_that_wait_for_the_same_share_one_picture() -> None:
    world = a_world(w1=GIB)
    world.submit("web", memory_bytes=GIB // 2, replicas=5)
    told = Told(world)

    assert told.answer.startswith("3 of 5 slots of web wait: no node fits: 1 lacks memory (w1,")
    assert [picture.slots for picture in told.why.pictures] == [(3, 4, 5)]
    assert told.codes == [SlotCode.STARTING] * 2 + [SlotCode.UNPLACEABLE] * 3
    world.core.cluster.slots(task_id("web"))[4].avoid_node(node_id("w1"), 9e9, "it failed there")
    assert [picture.slots for picture in Told(world).why.pictures] == [(3, 5), (4,)]


def test_a_running_slot_says_why_its_node_was_chosen_and_how_it_stands_now() -> None:
    world = a_world(w1=GIB)
    world.submit("web", memory_bytes=GIB // 2)
    world.report(stay(world), phase=Phase.RUNNING)
    world.join("w2", "w3")
    told = Told(world, slot1="the only node")

    assert told.answer == "web.1 runs on w1: the only node"
    assert (told.codes, told.why.waits) == ([SlotCode.RUNNING], False)
    assert told.nodes == [("w2", 1), ("w3", 2), ("w1", 3)]  # its own room counts as free
    assert told.why.slots[0].place_now == 3
    assert Told(world).answer == "web.1 runs on w1"


def test_where_the_reason_was_not_recorded_the_present_one_is_told() -> None:
    world = a_world(w1=GIB)
    world.submit("web")
    world.report(stay(world), phase=Phase.RUNNING)

    assert Told(world).answer == (
        "web.1 runs on w1: it would go there again, w1 is the only node that fits"
    )
    world.tell(SetAvailability(node_id("w1"), Availability.CORDONED))
    told = Told(world)
    assert (told.answer, told.why.slots[0].place_now) == ("web.1 runs on w1", 0)


def test_looking_as_if_a_slot_were_free_leaves_the_picture_of_the_others_alone() -> None:
    world = a_world(w1=GIB)
    world.submit("web", memory_bytes=GIB // 2, replicas=2)
    told = Told(world)

    assert told.answer == "both slots of web are being started on w1: waiting for its worker"
    assert [picture.slots for picture in told.why.pictures] == [(1, 2)]  # alike in all that counts
    assert [slot.place_now for slot in told.why.slots] == [1, 1]
    assert Told(world, slot=2).why.slots[0].number == 2


def test_a_crash_loop_is_told_with_its_reason() -> None:
    world = a_world(w1=GIB)
    world.submit("web")
    world.report(
        stay(world),
        phase=Phase.EXITED,
        exit=Exit(137, out_of_memory=True),
        failures_in_row=5,
        retry_in_ms=12_000,
    )
    told = Told(world)

    assert told.answer == (
        "web.1 is started again and again on w1: restart 1 in 12 s, exit 137 (out of memory)"
    )
    assert (told.codes, told.why.waits) == ([SlotCode.RESTARTING], False)


def test_what_is_unhealthy_failed_or_completed_says_so() -> None:
    world = a_world(w1=GIB)
    check = HealthCheck(ProbeKind.TCP, port=80)
    world.submit("web", health=check)
    world.report(stay(world), phase=Phase.RUNNING, health=Health.UNHEALTHY, message="refused")
    assert Told(world).answer == "web.1 runs and is not ready on w1: refused"
    failure = Failure(FailureKind.IMAGE_MISSING, "image nope not found")
    world.report(stay(world), phase=Phase.FAILED, failure=failure)
    assert Told(world).answer == "web.1 has failed on w1: image nope not found"

    world.submit("job")
    world.report(stay(world, name="job"), phase=Phase.COMPLETED, exit=Exit(0))
    told = Told(world, "job")
    assert (told.answer, told.codes) == ("job.1 has completed on w1: exit 0", [SlotCode.COMPLETED])
    assert told.why.pictures == ()


def test_a_stopped_task_and_one_that_is_scaled_away_say_so() -> None:
    world = a_world(w1=GIB)
    world.submit("web", replicas=2)
    world.tell(Scale(task_id("web"), 1))
    told = Told(world, slot=2)
    assert (told.answer, told.codes) == ("web.2 was scaled away", [SlotCode.STOPPING])
    world.tell(Scale(task_id("web"), 0))
    assert Told(world).answer == "web is scaled to 0"
    world.tell(Scale(task_id("web"), 1))
    world.stop("web")
    assert Told(world).answer == "web is being stopped: 2 containers left"
    world.run_all("w1")
    told = Told(world)
    assert (told.answer, told.codes) == ("web was stopped", [])


def test_a_slot_waits_for_its_former_container_to_go() -> None:
    world = a_world(w1=GIB)
    world.submit("web")
    world.report(stay(world), phase=Phase.RUNNING)
    world.tell(Scale(task_id("web"), 0))
    world.tell(Scale(task_id("web"), 1))
    told = Told(world)

    assert told.answer == ("web.1 waits for its former container to go: stopping: scaled down")
    assert (told.codes, told.why.waits) == ([SlotCode.LEAVING], False)


def test_nothing_is_compared_while_the_ledger_is_recovered() -> None:
    world = World()
    world.submit("web")
    told = Told(world, recovering="1 node did not call yet: w1")

    assert told.answer == (
        "web.1 waits: the ledger is being recovered: 1 node did not call yet: w1"
    )
    assert (told.codes, told.why.pictures) == ([SlotCode.RECOVERING], ())


def test_a_node_that_would_take_it_is_about_to_get_it() -> None:
    world = a_world(w1=GIB)
    world.submit("web", memory_bytes=2 * GIB)
    cluster, task = world.core.cluster, world.task("web")
    excerpt = excerpt_of(cluster, task, strategy="spread", now=world.now)
    for row in range(len(excerpt.inventory)):
        excerpt.inventory.memory_free[row] += 2 * GIB
    told = why(excerpt)

    assert [slot.code for slot in told.slots] == [SlotCode.PLACEABLE]
    assert answer(excerpt, told) == "web.1 is about to be placed"


def test_slots_beyond_the_bound_are_named_and_still_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PICTURES_AT_MOST", 1)
    world = a_world(w1=GIB)
    world.submit("web", memory_bytes=2 * GIB, replicas=3)
    world.core.cluster.slots(task_id("web"))[2].avoid_node(node_id("w1"), 9e9, "it failed there")
    told = Told(world)

    assert [picture.slots for picture in told.why.pictures] == [(1, 3)]
    assert told.why.left_out == (2,)
    assert told.codes == [SlotCode.UNPLACEABLE] * 3
    assert Told(world, slot=2).why.left_out == ()


def test_one_that_may_displace_and_finds_nobody_says_so_and_the_displaced_says_by_whom() -> None:
    world = a_world(w1=GIB)
    world.submit("low", memory_bytes=GIB // 2, priority=10)
    world.run_all()
    world.submit("high", memory_bytes=GIB, priority=90, preempt=True)
    assert Told(world, "high").answer == (
        "high.1 is being started on w1: waits for the room of low.1"
    )
    world.run_all()
    assert Told(world, "low").answer == (
        "low.1 waits: displaced by high.1 (priority 90); "
        "no node fits: 1 lacks memory (w1, 512 MiB short)"
    )
    world.submit("late", memory_bytes=GIB, priority=90, preempt=True)
    assert Told(world, "late").answer == (
        "late.1 waits: no node fits: 1 lacks memory (w1, 1 GiB short); "
        "nothing of lower priority would make room on w1"
    )


def test_one_that_is_about_to_displace_says_whom() -> None:
    world = a_world(w1=GIB)
    world.submit("low", memory_bytes=GIB, priority=50)
    world.run_all()
    world.submit("high", memory_bytes=GIB, priority=50, preempt=True)
    cluster, task = world.core.cluster, world.task("high")
    raised = replace(task, spec=replace(task.spec, priority=90))
    excerpt = excerpt_of(cluster, raised, strategy="spread", now=world.now)
    told = why(excerpt)

    assert ([slot.code for slot in told.slots], told.waits) == ([SlotCode.PLACEABLE], False)
    assert answer(excerpt, told) == "high.1 is about to be placed: displaces low.1 on w1"
