"""Views that are kept are those that would be made anew."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from cube.core.changes import PutNode
from cube.core.effects import Effects
from cube.core.inputs import Apply, Input, Scale, SetAvailability
from cube.manager import encoded
from cube.manager.encoded import EncodedTasks
from cube.manager.views import task_view
from cube.model.allocation import Exit, Phase
from cube.model.node import Availability
from cube.model.resources import Resources
from cube.model.task import Task
from cube.wire.codec import encode_view
from cube.wire.views import TaskView
from tests.builders import a_spec, node_id, task_id
from tests.world import World


class ShownWorld(World):
    """After every step, what is kept of each task is compared with what it is made of."""

    def __init__(self) -> None:
        self.kept = EncodedTasks()
        super().__init__()

    def tell(self, told: Input) -> Effects:
        effects = super().tell(told)
        cluster, now_ms = self.core.cluster, self.now.wall_ms
        for _ in range(2):
            for task in cluster.tasks.values():
                shown = self.kept.of(task, cluster, now_ms)
                assert shown == encode_view(task_view(task, cluster, now_ms))
        return effects


@pytest.fixture
def world() -> ShownWorld:
    return ShownWorld()


def test_what_is_kept_is_never_older_than_its_task(world: ShownWorld) -> None:
    world.submit(replicas=3)
    world.submit("huge", cpu_millis=10**6)
    world.join("w1", "w2")
    world.run_all()
    world.report(world.latest(), phase=Phase.EXITED, exit=Exit(1), retry_in_ms=5_000)
    world.pass_time(3)
    world.run_all()
    world.tell(Apply(task_id("web"), a_spec(name="web", image="busybox:2", replicas=3)))
    world.run_all()
    world.tell(Scale(task_id("web"), 1))
    world.run_all()
    world.tell(SetAvailability(node_id("w1"), Availability.DRAINING))
    world.run_all()
    world.pass_time(10, silent=("w2",))
    world.join("w2")
    world.run_all()
    world.restart_manager()
    world.stop("web")
    world.run_all()


def test_a_node_of_another_name_is_shown_by_it(world: ShownWorld) -> None:
    world.join("w1")
    world.submit()
    cluster, task = world.core.cluster, world.task("web")
    assert b'"node":"w1"' in world.kept.of(task, cluster, 0)
    node = cluster.nodes[node_id("w1")]
    renamed = replace(node, facts=replace(node.facts, name="w9"))
    cluster.apply(PutNode(renamed, None), 0)
    assert b'"node":"w9"' in world.kept.of(task, cluster, 0)


def test_what_awaits_the_room_of_others_is_told_as_they_leave(world: ShownWorld) -> None:
    world.join("w1", capacity=Resources(1_000, 1 << 30, 0))
    world.submit("low", cpu_millis=600, priority=10)
    world.run_all()
    world.submit("high", cpu_millis=600, priority=90, preempt=True)
    assert world.latest("high").awaits
    world.run_all()


def test_no_more_is_kept_than_there_is_room_for(
    world: ShownWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def note(task: Task, *more: Any) -> TaskView:
        made.append(task.name)
        return task_view(task, *more)

    tasks = [world.submit(name) for name in "abc"]
    kept, cluster = EncodedTasks(), world.core.cluster
    monkeypatch.setattr(encoded, "task_view", note)
    monkeypatch.setattr(encoded, "KEPT_BYTES", 2 * len(kept.of(tasks[0], cluster, 0)))
    for task in (*tasks, tasks[2], tasks[1], tasks[0]):
        kept.of(task, cluster, 0)
    assert made == ["a", "b", "c", "a"]
    monkeypatch.setattr(encoded, "PIECE_BYTES", 1)
    kept = EncodedTasks()
    for task in (tasks[0], tasks[0]):
        kept.of(task, cluster, 0)
    assert made[4:] == ["a", "a"]
