"""`cube rollback`: what it asks for, and what it waits for."""

from __future__ import annotations

import pytest

from cube.cli import follow
from cube.errors import Conflict
from cube.model.spec import TaskSpec
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json, refusal
from tests.cli.views import allocation, task

BEFORE, AFTER = (TaskSpec(name="web", image=f"nginx:1.{minor}") for minor in (28, 27))


def test_it_waits_for_the_containers_of_the_former_spec(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SETTLE_SECONDS", 0.05)
    old, new = allocation(), allocation(generation=2)
    manager.answer("POST", "/task/web/rollback", json(task(old, spec=AFTER, revision=3)))
    manager.play(task(old, spec=BEFORE), task(old, spec=AFTER), task(new, spec=AFTER))

    result = cube("rollback", "web")

    assert (result.code, result.out) == (0, "web.1 on w1: running\n")
    assert len(manager.requests("GET", "/task/t-web")) >= 2


def test_a_task_that_was_never_changed_has_nothing_to_go_back_to(
    manager: FakeManager, cube: Cube
) -> None:
    manager.tasks = [task(allocation())]
    refused = Conflict("task web has no revision to go back to: its spec was never changed")
    manager.answer("POST", "/task/web/rollback", refusal(refused))

    assert cube("rollback", "web").code == 6
