"""The commands besides `run`, against a manager that plays its part, as in a pipe."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from cube.cli import follow
from cube.cli.output import Format
from cube.errors import NotFound
from cube.model.event import EventKind
from cube.model.spec import TaskSpec
from cube.model.task import Goal, TaskState
from cube.wire.views import LogRecord, TaskDetail, VersionView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import allocation, event, node, task


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(follow, "SETTLE_SECONDS", 0.05)


def stopping(*allocations: Any) -> TaskDetail:
    return task(*allocations, goal=Goal.STOP, state=TaskState.RUNNING)


STOPPED = task(goal=Goal.STOP, state=TaskState.COMPLETED)


def test_status_keeps_the_table_and_the_rest_apart(manager: FakeManager, cube: Cube) -> None:
    manager.tasks = [task(allocation()), STOPPED]
    manager.nodes = [node()]

    code, out, err = cube("status")

    assert code == 0
    assert out.splitlines()[0].split() == "NAME STATE READY RESTARTS NODE IMAGE AGE REASON".split()
    assert [line.split()[:5] for line in out.splitlines()[1:]] == [
        ["web", "running", "1/1", "0", "w1"]
    ]
    assert err == f"manager {manager.address} | nodes 1/1 ready | 1 task: 1 running\n"


def test_status_asks_for_page_after_page(manager: FakeManager, cube: Cube) -> None:
    first = json([task(name="a")])
    manager.answer(
        "GET", "/task", first._replace(headers=(("X-Next-Cursor", "c1"),)), json([task(name="b")])
    )

    assert cube("status", "-o", "name").out == "a\nb\n"
    assert [one.query.get("cursor") for one in manager.requests("GET", "/task")] == [None, "c1"]


def test_status_in_json_is_what_the_api_says(manager: FakeManager, cube: Cube) -> None:
    manager.tasks = [task(allocation())]

    shown = msgspec.json.decode(cube("status", "-o", "json").out, type=list[TaskDetail])

    assert shown == manager.tasks


@pytest.mark.parametrize("format", Format)
def test_every_format_prints_something_of_one_and_of_all(
    manager: FakeManager, cube: Cube, format: Format
) -> None:
    manager.tasks = [task(allocation())]

    for args in (("status",), ("status", "web"), ("node", "ls")):
        result = cube(*args, "-o", format)
        assert result.code == 0
        assert "web" in result.out or args[0] == "node"


def test_status_of_one_task_shows_slots_and_events(manager: FakeManager, cube: Cube) -> None:
    manager.tasks = [
        task(
            allocation(),
            events=(event(7, EventKind.ALLOCATION_RUNNING, slot=1, node="w1", message="pull 2 s"),),
        )
    ]

    out = cube("status", "web").out

    assert "state:       running, 1 of 1 ready" in out
    assert "web.1  running" in out
    assert "allocation.running  web.1 on w1  pull 2 s" in out


def test_what_is_unknown_is_code_3(cube: Cube) -> None:
    result = cube("status", "nope")

    assert (result.code, result.out) == (3, "")
    assert result.err == "cube: there is no task nope\nhint: see: cube status -a\n"


def test_stop_waits_until_the_containers_are_gone(manager: FakeManager, cube: Cube) -> None:
    leaving = allocation(wanted="remove", reason="stopping: stopped by the user")
    manager.answer("DELETE", "/task/web", json(stopping(leaving), 202))
    manager.play(stopping(leaving), STOPPED)

    assert cube("stop", "web") == (0, "web\n", "web.1 on w1: stopping: stopped by the user\n")


def test_stopping_what_is_stopped_is_success(manager: FakeManager, cube: Cube) -> None:
    manager.answer("DELETE", "/task/web", Answer(204))

    assert cube("stop", "web") == (0, "web\n", "")


def test_one_unknown_name_does_not_keep_the_others_running(
    manager: FakeManager, cube: Cube
) -> None:
    manager.answer("DELETE", "/task/nope", refusal(NotFound("there is no task nope")))
    manager.answer("DELETE", "/task/web", Answer(204))

    assert cube("stop", "nope", "web") == (3, "web\n", "cube: nope: there is no task nope\n")


def test_detached_stop_does_not_wait(manager: FakeManager, cube: Cube) -> None:
    manager.answer("DELETE", "/task/web", json(stopping(allocation(wanted="remove")), 202))

    assert cube("stop", "-d", "web") == (0, "web\n", "")


def test_scale_waits_for_the_new_number(manager: FakeManager, cube: Cube) -> None:
    two = task(allocation(1), allocation(2))
    manager.answer("POST", "/task/web/scale", json(task(allocation(1), replicas=2)))
    manager.play(task(allocation(1), replicas=2), two)

    result = cube("scale", "web=2")

    assert (result.code, result.out) == (0, "web.1 on w1: running\nweb.2 on w1: running\n")
    assert manager.requests("POST", "/task/web/scale")[0].body == {"replicas": 2}


def test_restart_waits_for_the_new_containers(manager: FakeManager, cube: Cube) -> None:
    old, new = allocation(), allocation(generation=2)
    manager.answer("POST", "/task/web/restart", json(task(old)))
    manager.play(task(old), task(old), task(new))

    result = cube("restart", "web")

    assert result.code == 0
    assert len(manager.requests("GET", "/task/t-web")) >= 2


def test_apply_sends_the_file_under_its_name(
    manager: FakeManager, cube: Cube, tmp_path: Any
) -> None:
    path = tmp_path / "web.json"
    path.write_text('{"name": "web", "image": "nginx:1.28"}')
    manager.tasks = [task(spec=TaskSpec(name="web", image="nginx:1.27"))]
    manager.answer("PUT", "/task/web", json(task()))

    assert cube("apply", "-d", str(path)) == (0, "t-web\n", "")
    sent = manager.requests("PUT", "/task/web")[0]
    assert sent.body["image"] == "nginx:1.28"
    assert sent.headers["idempotency-key"]


def test_wait_ends_when_the_task_completes(manager: FakeManager, cube: Cube) -> None:
    done = task(allocation(phase="completed"), state=TaskState.COMPLETED)
    manager.play(task(allocation()), task(allocation()), done)

    result = cube("wait", "web", "--for", "completed", "-q")

    assert (result.code, result.out) == (0, "web\n")


def test_wait_gives_up_with_124(manager: FakeManager, cube: Cube) -> None:
    manager.play(task(allocation(phase="pulling")))

    assert cube("wait", "web", "--timeout", "100ms").code == 124


def records(*lines: LogRecord) -> Answer:
    return Answer(body=b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + b"\n")


def test_logs_of_all_slots_are_merged_with_their_names(manager: FakeManager, cube: Cube) -> None:
    manager.answer(
        "GET",
        "/task/web/logs",
        records(
            LogRecord(name="web.1", node="w1", at_ns=1, text="one"),
            LogRecord(name="web.3", node="w3", warning="node w3 is not connected"),
            LogRecord(name="web.2", node="w2", at_ns=2, text="two \x1b[1mbold\x1b[0m"),
        ),
    )

    code, out, err = cube("logs", "web", "-n", "10")

    assert code == 0
    assert out == "web.1 | one\nweb.2 | two \x1b[1mbold\x1b[0m\n", "a pipe gets what was written"
    assert err == "cube: web.3 on w3: node w3 is not connected\n"
    assert manager.requests("GET", "/task/web/logs")[0].query["tail"] == "10"


def test_logs_with_times_and_without_names(manager: FakeManager, cube: Cube) -> None:
    at = 1_767_225_600_123_456_789
    manager.answer(
        "GET", "/task/web/logs", records(LogRecord(name="web.1", node="w1", at_ns=at, text="x"))
    )

    result = cube("logs", "web", "-t", "--no-prefix", "--since", "2026-01-01T00:00:00Z")

    assert result.out == "2026-01-01T00:00:00.123456Z x\n"
    asked = manager.requests("GET", "/task/web/logs")[0].query
    assert asked["since_ns"] == "1767225600000000000"


def test_events_are_listed_oldest_first(manager: FakeManager, cube: Cube) -> None:
    manager.events = [event(1, EventKind.TASK_CREATED), event(2, slot=1, node="w1", message="m")]

    lines = cube("events").out.splitlines()

    assert [line.split()[2:] for line in lines[1:]] == [
        ["task.created", "web"],
        ["task.changed", "web.1", "on", "w1", "m"],
    ]


def test_followed_events_go_on_behind_those_listed(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.events = [event(1, EventKind.TASK_CREATED)]
    later = threading.Timer(0.1, manager.publish, [event(2, message="live")])
    later.start()

    def stop_after(printed: Any, format: Any) -> None:
        seen.append(printed.revision)
        if printed.revision == 2:
            raise KeyboardInterrupt

    seen: list[int] = []
    monkeypatch.setattr("cube.cli.events._print", stop_after)

    assert cube("events", "-f").code == 130
    assert seen == [1, 2]


def test_a_node_is_drained_by_name(manager: FakeManager, cube: Cube) -> None:
    manager.answer("POST", "/node/w1/drain", json(node()))
    manager.answer("GET", "/node/w1", json(node(allocations=3)))

    assert cube("node", "drain", "w1") == (
        0,
        "w1\n",
        "w1: 3 to move away; watch with `cube node show w1`\n",
    )


def test_node_alone_lists_nodes(manager: FakeManager, cube: Cube) -> None:
    manager.nodes = [node("w2"), node("w1")]

    assert cube("node").out == cube("node", "ls").out
    assert cube("node", "-q").out.split() == ["n-w2", "n-w1"]


def test_a_cluster_without_nodes_says_how_to_get_one(cube: Cube) -> None:
    assert cube("node").err == (
        "hint: no node has joined yet; start one with `cube worker start`\n"
    )


def test_version_compares_both_sides(manager: FakeManager, cube: Cube) -> None:
    answered = VersionView(version="0.0.9", protocol=1, cluster_id="c-1")
    manager.answer("GET", "/version", json(answered))

    result = cube("version")

    assert result.out == f"client   0.1.0\nmanager  0.0.9 at {manager.address}, cluster c-1\n"
    assert result.err == "note: the manager is 0.0.9, this command 0.1.0\n"
