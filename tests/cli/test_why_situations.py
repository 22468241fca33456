"""`cube why` in twelve situations, from the cluster to the terminal, against files that a person has read.

The files are in `tests/golden/why`. To write them anew after a change of words, and read them again: `GOLDEN=write`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cube.cli import why as command
from cube.core.excerpt import excerpt_of
from cube.core.inputs import SetAvailability
from cube.core.summary import state_of
from cube.core.why import why
from cube.manager.placement_views import why_view
from cube.model.allocation import Exit, Failure, FailureKind, Health, Phase
from cube.model.event import EventKind
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.spec import HealthCheck, Port, Preference, ProbeKind, Spread
from cube.wire.placement_views import WhyView
from tests.builders import GIB, MIB, node_id
from tests.world import World

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "why"
Situation = Callable[[World], str]


def a_world() -> World:
    world = World()
    world.join("w1", capacity=Resources(2_000, GIB, 0), labels={"zone": "a", "disk": "ssd"})
    world.join("w2", capacity=Resources(4_000, 2 * GIB, 0), labels={"zone": "a", "disk": "hdd"})
    world.join("w3", capacity=Resources(4_000, 4 * GIB, 0), labels={"zone": "b", "disk": "ssd"})
    return world


def no_node_has_the_memory(world: World) -> str:
    world.submit("web", memory_bytes=4 * GIB + 212 * MIB)
    return ""


def a_constraint_that_no_node_meets(world: World) -> str:
    world.submit("web", constraints=("zone==c",))
    return ""


def every_node_for_another_reason(world: World) -> str:
    world.submit("other", constraints=("node.name==w2",), ports=(Port(80, host_port=8080),))
    world.tell(SetAvailability(node_id("w3"), Availability.DRAINING))
    world.submit("web", memory_bytes=2 * GIB, ports=(Port(80, host_port=8080),))
    return ""


def nobody_would_make_room(world: World) -> str:
    world.submit("equal", replicas=3, memory_bytes=GIB, priority=90, max_per_node=1)
    world.run_all()
    world.submit("web", memory_bytes=4 * GIB, priority=90, preempt=True)
    return ""


def it_was_displaced(world: World) -> str:
    world.submit("web", replicas=2, memory_bytes=GIB // 2, priority=10, constraints=("zone==b",))
    world.run_all()
    world.submit("db", memory_bytes=4 * GIB, priority=90, preempt=True)
    world.run_all()
    return ""


def some_replicas_wait(world: World) -> str:
    world.submit("web", memory_bytes=GIB, replicas=9, max_per_node=2)
    world.run_all()
    return ""


def it_runs_where_it_was_put(world: World) -> str:
    world.submit("db", constraints=("node.name==w2",))
    world.submit("web", cpu_millis=500, spread=(Spread("zone"),), prefer=(Preference(near="db"),))
    world.run_all()
    return ""


def it_crashes_again_and_again(world: World) -> str:
    world.submit("web")
    latest = world.latest()
    world.report(
        latest,
        phase=Phase.EXITED,
        exit=Exit(137, out_of_memory=True),
        failures_in_row=4,
        retry_in_ms=12_000,
    )
    return ""


def it_is_not_healthy(world: World) -> str:
    world.submit("web", health=HealthCheck(ProbeKind.HTTP, port=80), replicas=2)
    world.run_all(health=Health.HEALTHY)
    refused = "GET /: connection refused"
    world.report(world.latest(), phase=Phase.RUNNING, health=Health.UNHEALTHY, message=refused)
    return ""


def its_image_does_not_exist(world: World) -> str:
    world.submit("web")
    failure = Failure(FailureKind.IMAGE_MISSING, "image nope:1 not found; check the tag")
    world.report(world.latest(), phase=Phase.FAILED, failure=failure)
    return ""


def it_was_stopped(world: World) -> str:
    world.submit("web")
    world.run_all()
    world.stop("web")
    return ""


def the_ledger_is_being_recovered(world: World) -> str:
    world.submit("web", memory_bytes=9 * GIB)
    return "1 node did not call yet: w4"


SITUATIONS: tuple[Situation, ...] = (
    no_node_has_the_memory,
    a_constraint_that_no_node_meets,
    every_node_for_another_reason,
    nobody_would_make_room,
    it_was_displaced,
    some_replicas_wait,
    it_runs_where_it_was_put,
    it_crashes_again_and_again,
    it_is_not_healthy,
    its_image_does_not_exist,
    it_was_stopped,
    the_ledger_is_being_recovered,
)


def told(world: World, recovering: str) -> WhyView:
    """What the API tells of `web`, as a client reads it; ages are left out, for they are counted from today."""
    cluster, task = world.core.cluster, world.task("web")
    excerpt = excerpt_of(cluster, task, strategy="spread", now=world.now)
    placed = (event for event in world.told(EventKind.ALLOCATION_ASSIGNED) if event.task == "web")
    chosen = {event.slot: event.message for event in placed}
    found = why(excerpt, chosen_then=chosen, recovering=bool(recovering))
    view = why_view(excerpt, state_of(task, cluster.rosters[task.id]), found, recovering)
    slots = [msgspec.structs.replace(slot, assigned_at=None) for slot in view.slots]
    return msgspec.structs.replace(view, slots=tuple(slots))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_it_is_told_as_in_the_golden_file(
    situation: Situation, capsys: pytest.CaptureFixture[str]
) -> None:
    world = a_world()
    recovering = situation(world)
    command.show(told(world, recovering))
    shown = capsys.readouterr().out
    golden = GOLDEN / f"{situation.__name__}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(shown)

    assert shown == golden.read_text()
