"""`cube exec` and `cube run --attach`: what they make of their flags, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from cube.cli import follow
from cube.cli.attach import Beginning, exit_code
from cube.cli.exec import variables
from cube.cli.exits import Exit
from cube.errors import InvalidInput
from cube.model.allocation import Failure, FailureKind
from cube.model.task import TaskState
from cube.wire.views import ExitView
from tests.cli.conftest import Cube
from tests.cli.views import allocation, task, waiting


def test_variables_are_read_as_docker_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "known")

    assert variables(["A=b=c", "EMPTY=", "HERE", "NOWHERE"]) == {
        "A": "b=c",
        "EMPTY": "",
        "HERE": "known",
    }
    with pytest.raises(InvalidInput):
        variables(["=x"])


def test_a_terminal_needs_one(cube: Cube) -> None:
    code, _, err = cube("exec", "-it", "web", "sh")

    assert code == Exit.USAGE
    assert "stdin is no terminal" in err


def test_a_manager_that_is_away_is_told(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBE_MANAGER", "127.0.0.1:1")

    code, _, err = cube("exec", "web", "true")

    assert code == Exit.MANAGER_AWAY
    assert "127.0.0.1:1 (connection refused)" in err


def test_what_is_no_manager_is_told(cube: Cube) -> None:
    code, _, err = cube("exec", "web", "true")  # the fake one speaks no WebSocket

    assert code == Exit.FAILED
    assert "opened no tunnel" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-it", "busybox", "sh"), "cube exec -it"),
        (("--attach", "-d", "busybox"), "contradicts --detach"),
        (("--attach", "--replicas", "2", "busybox"), "the task has 2"),
    ],
)
def test_what_cannot_be_attached_to_is_refused(
    cube: Cube, arguments: tuple[str, ...], complaint: str
) -> None:
    code, _, err = cube("run", *arguments)

    assert code == Exit.USAGE
    assert complaint in err


def test_beginning_is_seen_in_any_later_state() -> None:
    for phase in ("running", "exited", "completed", "failed"):
        beginning = Beginning(wait_for_room=False)
        beginning.see(task(allocation(phase=phase)), 0.0)
        assert beginning.verdict is not None
        assert beginning.verdict.exit is Exit.DONE


def test_a_pull_is_told_while_it_lasts_and_once() -> None:
    beginning = Beginning(wait_for_room=False)
    pulling = task(allocation(phase="pulling", reason="pulling, 43 %"))

    assert beginning.see(pulling, 0.0) == ["web: pulling, 43 %"]
    assert beginning.see(pulling, 1.0) == []
    assert beginning.verdict is None


def test_what_finds_no_place_is_given_up_after_a_while() -> None:
    beginning = Beginning(wait_for_room=False)
    beginning.see(_unplaced(), 0.0)
    beginning.tick(follow.GRACE_SECONDS - 0.1)
    assert beginning.verdict is None

    beginning.tick(follow.GRACE_SECONDS)

    assert beginning.verdict is not None
    assert beginning.verdict.exit is Exit.NOT_STARTED
    assert "cannot be placed now" in beginning.verdict.message


def test_what_finds_no_place_is_waited_for_if_asked() -> None:
    beginning = Beginning(wait_for_room=True)
    beginning.see(_unplaced(), 0.0)
    beginning.tick(1000.0)

    assert beginning.verdict is None


def _unplaced() -> Any:
    return task(waiting=(waiting(),))


def test_a_task_that_somebody_stops_never_began() -> None:
    beginning = Beginning(wait_for_room=False)
    beginning.see(None, 0.0)

    assert beginning.verdict is not None
    assert beginning.verdict.exit is Exit.NOT_STARTED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phase": "completed", "exit": ExitView(code=0)}, 0),
        ({"phase": "failed", "exit": ExitView(code=3)}, 3),
        ({"phase": "failed", "failure": ("command_not_found", "x not found in the image")}, 127),
        ({"phase": "failed", "failure": ("command_not_found", "x cannot be executed")}, 126),
        ({"phase": "failed", "failure": ("image_missing", "image x not found")}, 125),
        ({"phase": "removed"}, 125),
    ],
)
def test_the_code_is_the_containers_own_or_dockers_for_none(
    changes: dict[str, Any], code: int
) -> None:
    if failure := changes.get("failure"):
        changes = {**changes, "failure": Failure(FailureKind(failure[0]), failure[1])}

    assert exit_code(task(allocation(**changes), state=TaskState.FAILED)) == code
