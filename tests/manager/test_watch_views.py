"""The messages of the live view, as values."""

from __future__ import annotations

import json

from msgspec.structs import asdict

from cube.manager.views import task_view
from cube.manager.watch_views import attention_view, changes, framed, look_at, watched_task
from cube.model.allocation import Phase
from cube.model.concern import Concern, Severity, Subject
from cube.wire.watch import SLOTS_SHOWN, WatchKind
from tests.builders import node_id, task_id
from tests.world import World


def a_concern(severity: Severity, name: str = "web") -> Concern:
    return Concern(severity=severity, code="c", subject=Subject.TASK, name=name, reason="")


def test_a_message_is_one_server_sent_event() -> None:
    assert framed(WatchKind.BEAT, b"{}", "b-1") == b"id: b-1\nevent: beat\ndata: {}\n\n"
    assert framed(WatchKind.RESYNC, b"{}") == b"event: resync\ndata: {}\n\n"


def test_a_task_is_shown_as_in_a_listing() -> None:
    world = World()
    world.join("w1")
    task = world.submit(replicas=3)
    world.run_all()
    shown = asdict(watched_task(task, world.core.cluster, world.now.wall_ms))
    assert shown == asdict(task_view(task, world.core.cluster, world.now.wall_ms)) | {"left_out": 0}


def test_of_very_many_slots_those_that_need_to_be_seen_are_shown() -> None:
    world = World()
    world.join("w1", "w2")
    task = world.submit(replicas=SLOTS_SHOWN + 3)
    world.run_all()
    last = SLOTS_SHOWN + 3
    world.report(world.latest(slot=last), phase=Phase.EXITED, retry_in_ms=1_000)
    view = watched_task(task, world.core.cluster, world.now.wall_ms)
    assert view.left_out == 3
    assert [one.slot for one in view.allocations] == [*range(1, SLOTS_SHOWN), last]


def test_what_is_there_no_more_is_told_as_gone() -> None:
    world = World()
    world.join("w1")
    world.submit("web")
    looks = look_at(
        world.core,
        [task_id("web"), task_id("gone")],
        [node_id("w1"), node_id("gone")],
        world.now,
    )
    told = [(kind, json.loads(data)["id"]) for kind, data in changes(looks)]
    assert told == [
        (WatchKind.NODE_GONE, node_id("gone")),
        (WatchKind.TASK_GONE, task_id("gone")),
        (WatchKind.NODE, node_id("w1")),
        (WatchKind.TASK, task_id("web")),
    ]
    assert set(looks.concerns.values()) == {None}


def test_concerns_are_counted_whole_and_shown_up_to_a_hundred() -> None:
    many = [a_concern(Severity.WARNING, f"t{number:03}") for number in range(150)]
    view = attention_view([*many, a_concern(Severity.ERROR)])
    assert (view.errors, view.warnings, view.notices, len(view.concerns)) == (1, 150, 0, 100)
    assert view.concerns[0].severity is Severity.ERROR
