"""Every change people can see has an event with the words for it, and no other has one."""

from __future__ import annotations

from cube.core.inputs import Scale, Stop
from cube.model.allocation import Exit, Failure, FailureKind, Health, Phase, Timings
from cube.model.event import EventKind
from tests.builders import task_id
from tests.world import World


def told_of(world: World, *kinds: EventKind) -> list[str]:
    return [event.message for event in world.told(*kinds)]


def test_the_story_of_a_start_names_the_node_and_the_time_of_each_step() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.PULLING, message="pulling busybox:latest")
    world.report(
        world.latest(),
        phase=Phase.RUNNING,
        timings=Timings(pull_ms=2_400, create_ms=80, start_ms=170),
        health=Health.STARTING,
    )
    kinds = [event.kind for event in world.events if event.slot]
    assert kinds == [
        EventKind.ALLOCATION_ASSIGNED,
        EventKind.ALLOCATION_PULLING,
        EventKind.ALLOCATION_RUNNING,
    ]
    assert {event.node for event in world.events if event.slot} == {"w1"}
    assert told_of(world, EventKind.ALLOCATION_RUNNING) == [
        "pull 2 s, create 80 ms, start 170 ms, health starting"
    ]


def test_an_exit_tells_how_and_when_the_next_run_comes() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.RUNNING)
    world.report(world.latest(), phase=Phase.EXITED, exit=Exit(1), retry_in_ms=100)
    failure = Failure(FailureKind.UNHEALTHY, "GET /health: no answer in 2 s")
    world.report(world.latest(), phase=Phase.RUNNING, restart=1)
    world.report(
        world.latest(), phase=Phase.EXITED, exit=Exit(137), failure=failure, retry_in_ms=400
    )
    assert told_of(world, EventKind.ALLOCATION_EXITED) == [
        "exit 1; restart 1 in 100 ms",
        "GET /health: no answer in 2 s (exit 137 (SIGKILL)); restart 2 in 400 ms",
    ]
    assert world.told(EventKind.ALLOCATION_EXITED)[1].code == "unhealthy"


def test_a_change_of_health_is_told_and_a_repeated_one_is_not() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.RUNNING, health=Health.STARTING)
    world.report(world.latest(), phase=Phase.RUNNING, health=Health.HEALTHY)
    world.report(world.latest(), phase=Phase.RUNNING, health=Health.HEALTHY)
    world.report(
        world.latest(),
        phase=Phase.RUNNING,
        health=Health.UNHEALTHY,
        message="unhealthy: GET /: 500",
    )
    assert told_of(world, EventKind.ALLOCATION_HEALTH) == ["healthy", "unhealthy: GET /: 500"]


def test_a_pause_by_hand_and_its_end_are_told() -> None:
    world = World()
    world.join("w1")
    world.submit()
    for paused in (False, True, True, False):
        message = "paused outside cube" if paused else ""
        world.report(world.latest(), phase=Phase.RUNNING, paused=paused, message=message)
    told = [(event.message, event.code) for event in world.told(EventKind.ALLOCATION_HEALTH)]
    assert told == [("paused outside cube", "paused"), ("goes on", "resumed")]


def test_a_stop_that_fails_is_told_once_for_each_reason() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.RUNNING)
    world.tell(Stop(task_id("web")))
    for kind in (FailureKind.STUCK, FailureKind.STUCK, FailureKind.ENGINE_AWAY):
        world.report(
            world.latest(), phase=Phase.STOPPING, failure=Failure(kind, kind), message=kind
        )
    assert told_of(world, EventKind.ALLOCATION_STOPPING) == [
        "stopped by the user",
        "stuck",
        "engine_away",
    ]


def test_many_slots_without_a_place_are_one_event() -> None:
    world = World()
    world.submit(replicas=500)
    waiting = world.told(EventKind.SLOT_WAITING)
    assert len(waiting) == 1
    assert waiting[0].message.startswith("500 slots: no ")


def test_a_scaling_is_told_with_both_numbers() -> None:
    world = World()
    world.submit(replicas=2)
    world.tell(Scale(task_id("web"), 5))
    assert told_of(world, EventKind.TASK_CHANGED) == ["scaled from 2 to 5"]


def test_steps_that_people_need_not_read_about_are_not_told() -> None:
    world = World()
    world.join("w1")
    world.submit()
    told = len(world.events)
    world.report(world.latest(), phase=Phase.CREATING)
    world.report(world.latest(), phase=Phase.STARTING)
    assert world.latest().observed.phase is Phase.STARTING
    assert len(world.events) == told


def test_a_pull_that_fails_is_told_once_for_each_reason() -> None:
    world = World()
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.PULLING, message="pulling busybox:latest")
    for kind in (FailureKind.REGISTRY_AWAY, FailureKind.REGISTRY_AWAY, FailureKind.NO_SPACE):
        sentence = f"could not be pulled: {kind}"
        world.report(
            world.latest(), phase=Phase.PULLING, failure=Failure(kind, sentence), message=sentence
        )
    pulling = world.told(EventKind.ALLOCATION_PULLING)
    assert [(event.message, event.code) for event in pulling] == [
        ("pulling busybox:latest", ""),
        ("could not be pulled: registry_away", "registry_away"),
        ("could not be pulled: no_space", "no_space"),
    ]
