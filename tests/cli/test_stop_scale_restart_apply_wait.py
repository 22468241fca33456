"""The commands that wait for what they asked for."""

from __future__ import annotations

from typing import Any

import pytest

from cube.cli import follow
from cube.errors import NotFound
from cube.model.spec import TaskSpec
from cube.model.task import Goal, TaskState
from cube.wire.views import TaskDetail
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import allocation, task


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(follow, "SETTLE_SECONDS", 0.05)


def stopping(*allocations: Any) -> TaskDetail:
    return task(*allocations, goal=Goal.STOP, state=TaskState.RUNNING)


STOPPED = task(goal=Goal.STOP, state=TaskState.COMPLETED)


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
