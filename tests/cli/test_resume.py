"""What a wait that ends early leaves behind: words, and the right exit code."""

from __future__ import annotations

from typing import Any

import pytest

from cube.cli.displays import Lines
from cube.cli.follow import Deployment
from cube.cli.frames import task_frame
from cube.cli.resume import resumable
from cube.cli.watch import Wait
from cube.errors import ManagerAway
from cube.wire.views import TaskDetail
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json
from tests.cli.views import allocation, task

AWAY = ManagerAway("no manager answers at 127.0.0.1:5555")


def test_an_interrupted_wait_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), resumable("web goes on"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "\nweb goes on\n"


def test_a_manager_that_stays_away_leaves_the_same_hint() -> None:
    with pytest.raises(ManagerAway) as raised, resumable("web goes on"):
        raise AWAY
    assert (raised.value.message, raised.value.hint) == (AWAY.message, "web goes on")


@pytest.mark.parametrize(
    ("arguments", "path", "words"),
    [
        (("run", "nginx"), "/task", "`cube wait web` follows it, `cube stop web` ends it"),
        (("stop", "web"), "/task/web", "`cube wait web --for stopped` follows it"),
        (("wait", "web"), "", "`cube wait web --for running` waits again"),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_ctrl_c_leaves_the_work_and_130(
    manager: FakeManager,
    cube: Cube,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    path: str,
    words: str,
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    manager.tasks = [task(allocation(phase="pulling"))]
    method = "DELETE" if arguments[0] == "stop" else "POST"
    manager.answer(method, path, json(task(allocation(phase="pulling")), 202))
    monkeypatch.setattr(Wait, "_wait_for_news", interrupt)

    result = cube(*arguments)

    assert result.code == 130
    assert words in result.err
    assert [one for one in manager.asked if one.method == "DELETE"] == (
        manager.requests("DELETE", "/task/web")
    )


class Gone:
    """A task of which the manager answers only now and then."""

    name = "web"
    look_seconds = 0.5

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def look(self) -> TaskDetail | None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def feed(self, view: Any) -> None:
        return None

    def frame(self, view: Any, stopwatch: Any, now: float) -> Any:
        return task_frame(view, stopwatch, now)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(*answers: Any) -> Any:
    clock = Clock()
    wait: Wait[TaskDetail] = Wait(
        Gone(*answers), Deployment(0.0), Lines(), monotonic=clock.monotonic, sleep=clock.sleep
    )
    return wait.result()


STARTING = task(allocation(phase="starting"))


def test_a_manager_that_comes_back_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    verdict, _ = waited(STARTING, AWAY, AWAY, AWAY, task(allocation()))
    assert verdict.message == "task web is running"
    assert capsys.readouterr().err.splitlines() == [
        "web.1 on w1: starting",
        "web: the manager is away, trying for 1m; what was asked for goes on",
        "web: the manager answers again",
        "web.1 on w1: running",
    ]


def test_a_manager_that_stays_away_ends_the_wait() -> None:
    with pytest.raises(ManagerAway):
        waited(STARTING, AWAY)


def test_a_manager_that_never_answered_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ManagerAway):
        waited(AWAY, STARTING)
    assert capsys.readouterr().err == ""
