"""What is wrong, the worst first; and that nothing is where all is well or on its way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cube.core.attention import about_manager, about_node, about_task, worst_first
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.core.inputs import SetAvailability
from cube.model.allocation import Exit, Failure, FailureKind, Health, Phase
from cube.model.concern import Concern, Severity, Subject
from cube.model.node import Availability, Condition, Facts, Node, Usage
from cube.model.resources import Resources
from tests.builders import GIB, a_node, a_task, node_id
from tests.world import World

SMALL = Resources(cpu_millis=1_000, memory_bytes=GIB)


@pytest.fixture
def world() -> World:
    return World()


def concern_of(world: World, name: str = "web") -> Concern | None:
    return about_task(world.task(name), world.core.cluster, world.now.wall_ms)


def found(world: World, name: str = "web") -> tuple[Severity, str, int] | None:
    """Severity, code and the number of slots."""
    concern = concern_of(world, name)
    return (concern.severity, concern.code, concern.slots) if concern else None


def test_what_runs_is_no_concern(world: World) -> None:
    world.join("w1")
    world.submit(replicas=3)
    world.run_all()
    assert found(world) is None


def test_what_is_on_its_way_is_no_concern(world: World) -> None:
    world.join("w1")
    world.submit()
    assert found(world) is None
    world.report(world.latest(), phase=Phase.PULLING, message="pulling busybox, 43 %")
    assert found(world) is None


def test_a_task_that_fits_nowhere_is_an_error_until_a_part_of_it_runs(world: World) -> None:
    world.submit(replicas=2, memory_bytes=GIB)
    assert found(world) == (Severity.ERROR, "unplaceable", 2)
    world.join("w1", capacity=SMALL)
    world.run_all()
    assert found(world) == (Severity.WARNING, "unplaceable", 1)
    concern = concern_of(world)
    assert concern and concern.slot == 2 and concern.reason.startswith("web.2: no node fits")


def test_a_slot_that_was_not_looked_at_yet_is_no_concern() -> None:
    task = a_task()
    cluster = Cluster(Snapshot(cluster_id="c1", tasks=[task]))
    cluster.rosters[task.id].slot(1).waiting = ""
    assert about_task(task, cluster, 1_000) is None


def test_an_image_that_does_not_exist_is_an_error_with_its_reason(world: World) -> None:
    world.join("w1")
    world.submit()
    failure = Failure(FailureKind.IMAGE_MISSING, "image nope not found")
    world.report(
        world.latest(), phase=Phase.FAILED, failure=failure, message="image nope not found"
    )
    concern = concern_of(world)
    assert concern and (concern.severity, concern.code) == (Severity.ERROR, "failed")
    assert concern.reason == "image nope not found"


@pytest.mark.parametrize(
    ("crashes", "expected"),
    [(1, None), (2, (Severity.WARNING, "restarting", 1)), (5, (Severity.ERROR, "crash_loop", 1))],
)
def test_crashes_are_shown_when_they_repeat_and_grave_when_they_go_on(
    world: World, crashes: int, expected: object
) -> None:
    world = World(timing=replace(world.timing, move_after_failures=100))
    world.join("w1")
    world.submit()
    world.run_all()
    world.report(world.latest(), phase=Phase.EXITED, failures_in_row=crashes, retry_in_ms=1_000)
    assert found(world) == expected


def test_a_start_that_fails_for_now_is_named_by_its_failure(world: World) -> None:
    world.join("w1")
    world.submit()
    away = Failure(FailureKind.REGISTRY_AWAY, "the registry does not answer")
    world.report(world.latest(), phase=Phase.PULLING, failure=away)
    assert found(world) == (Severity.WARNING, "registry_away", 1)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"health": Health.STARTING}, None),
        ({"health": Health.UNHEALTHY}, (Severity.WARNING, "unhealthy", 1)),
        ({"paused": True}, (Severity.WARNING, "paused", 1)),
    ],
    ids=str,
)
def test_what_runs_and_is_not_ready(
    world: World, seen: dict[str, object], expected: object
) -> None:
    world.join("w1")
    world.submit()
    world.report(world.latest(), phase=Phase.RUNNING, **seen)
    assert found(world) == expected


def test_a_stopped_task_is_a_concern_only_while_its_container_cannot_be_removed(
    world: World,
) -> None:
    world.join("w1")
    world.submit()
    world.run_all()
    world.stop("web")
    assert found(world) is None
    stuck = Failure(FailureKind.STUCK, "it does not die")
    world.report(world.latest(), phase=Phase.STOPPING, failure=stuck, message="it does not die")
    assert found(world) == (Severity.ERROR, "stuck", 1)


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (a_node(), None),
        (a_node(condition=Condition.SUSPECT), "suspect"),
        (a_node(condition=Condition.LOST, availability=Availability.DRAINING), "lost"),
        (a_node(runtime_error="no engine"), "engine_away"),
        (a_node(quarantine="two of them"), "quarantined"),
        (a_node(availability=Availability.CORDONED), "cordoned"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_node_tells_its_worst(world: World, node: Node, code: str | None) -> None:
    world.join("w1")
    concern = about_node(node, world.core.cluster, usage=None, version="")
    assert (concern.code if concern else None) == code


def test_a_node_that_is_emptied_says_how_much_is_left(world: World) -> None:
    world.join("w1")
    world.submit(replicas=2)
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    node = world.core.cluster.nodes[node_id("w1")]
    concern = about_node(node, world.core.cluster, usage=None, version="")
    assert concern and concern.severity is Severity.NOTICE and concern.reason == "2 containers left"


def test_a_disk_that_is_nearly_full_is_told_with_what_is_left(world: World) -> None:
    world.join("w1")
    node = a_node(capacity=Resources(1_000, GIB, 100 * GIB))

    def concern(used: int) -> Concern | None:
        usage = Usage(disk_bytes=used)
        return about_node(node, world.core.cluster, usage=usage, version="")

    assert concern(90 * GIB) is None
    full = concern(91 * GIB)
    assert full and (full.severity, full.code) == (Severity.WARNING, "disk_full")
    assert full.reason == "9 GiB left for images and containers"


def test_a_node_of_another_version_than_the_manager_is_a_notice(world: World) -> None:
    world.join("w1")
    node = replace(a_node(), facts=Facts(name="w1", cube_version="0.0.9"))

    assert about_node(node, world.core.cluster, usage=None, version="0.0.9") is None
    other = about_node(node, world.core.cluster, usage=None, version="0.1.0")
    assert other and (other.severity, other.code) == (Severity.NOTICE, "other_version")
    assert other.reason == "runs cube 0.0.9, the manager 0.1.0"


def test_what_crashed_again_and_again_is_told_until_its_run_has_lasted(world: World) -> None:
    world.join("w1")
    world.submit()
    world.report(
        world.latest(),
        phase=Phase.RUNNING,
        restart=6,
        failures_in_row=3,
        started_ms=world.now.wall_ms,
        exit=Exit(code=137, out_of_memory=True),
    )
    assert found(world) == (Severity.WARNING, "unstable", 1)
    concern = concern_of(world)
    assert concern
    assert concern.reason == "runs after 6 restarts, the last for exit 137 (out of memory)"
    world.pass_time(60)
    assert found(world) is None


def test_a_manager_that_takes_no_changes_says_why() -> None:
    assert about_manager(recovering=None, trouble="") == []
    codes = [one.code for one in about_manager(recovering="w1", trouble="the disk is full")]
    assert codes == ["ledger", "recovering"]


def test_the_worst_and_the_widest_come_first() -> None:
    def one(severity: Severity, subject: Subject, name: str, slots: int = 0) -> Concern:
        return Concern(
            severity=severity, code="c", subject=subject, name=name, slots=slots, reason=""
        )

    ordered = [
        one(Severity.ERROR, Subject.MANAGER, ""),
        one(Severity.ERROR, Subject.NODE, "w1"),
        one(Severity.ERROR, Subject.TASK, "b", slots=9),
        one(Severity.ERROR, Subject.TASK, "a", slots=1),
        one(Severity.WARNING, Subject.NODE, "w2"),
        one(Severity.NOTICE, Subject.NODE, "w0"),
    ]
    assert worst_first(reversed(ordered)) == ordered
