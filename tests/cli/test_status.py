"""`cube status` as in a pipe."""

from __future__ import annotations

import msgspec
import pytest

from cube.cli.output import Format
from cube.model.event import EventKind
from cube.model.task import Goal, TaskState
from cube.wire.views import TaskDetail
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json
from tests.cli.views import allocation, event, node, task

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
    assert (
        err
        == f"manager {manager.address} | nodes 1/1 ready | 1 task: 1 running | replicas 1/1 ready\n"
    )


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
