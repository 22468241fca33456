"""`--watch`: shown again whenever something happened."""

from __future__ import annotations

import pytest

from cube.errors import NotFound
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, Asked, FakeManager, json, refusal
from tests.cli.test_why import NO_ROOM, ROOM, RUNNING, WAITING, told
from tests.cli.views import event, task

GONE = refusal(NotFound("there is no task web"))


@pytest.fixture(autouse=True)
def something_new(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens after each look at a task."""
    respond = manager.respond

    def look(asked: Asked) -> Answer:
        answer = respond(asked)
        if asked.path.startswith("/task"):
            manager.publish(event(len(manager.events) + 1))
        return answer

    monkeypatch.setattr(manager, "respond", look)


def test_why_is_said_again_when_the_answer_is_another(manager: FakeManager, cube: Cube) -> None:
    waits = json(told(WAITING, pictures=(NO_ROOM,)))
    runs = json(told(RUNNING, pictures=(ROOM,), answer="web.2 runs on w1"))
    manager.answer("GET", "/task/web/explain", waits, waits, runs, GONE)

    code, out, err = cube("why", "web", "--watch")
    assert (code, err.splitlines()[0]) == (3, "cube: there is no task web")
    first, second = out.split("\n\nweb.2 runs on w1\n")
    assert first.startswith("web.1 waits: no node fits\n")
    assert "no node fits" not in second
    assert len(manager.requests("GET", "/task/web/explain")) == 4


def test_the_status_is_shown_again_after_each_change(manager: FakeManager, cube: Cube) -> None:
    manager.answer("GET", "/task/web", json(task()), json(task()), GONE)

    code, out, _ = cube("status", "web", "-w", "-o", "name")
    assert (code, out) == (3, "web\n\nweb\n\n")
