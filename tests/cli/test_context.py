"""`cube context` from the command line."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager
from tests.cli.views import allocation, task


def test_contexts_are_added_listed_used_shown_and_removed(
    cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBE_MANAGER")
    assert cube("context", "add", "prod", "10.0.0.1", "--use").out == "prod\n"
    assert cube("context").out.splitlines()[1:] == [
        "         default  127.0.0.1:5555",
        "*        prod     10.0.0.1",
    ]
    assert "from:    context prod" in cube("context", "show").out
    assert cube("context", "ls", "-o", "name").out == "default\nprod\n"
    assert cube("context", "use", "default").code == 0
    assert "from:    default" in cube("context", "show").out
    assert cube("context", "rm", "prod").code == 0
    assert cube("context", "show", "prod").code == 3


def test_what_outweighs_a_context_is_told(cube: Cube) -> None:
    assert cube("context", "use", "default").err == "note: CUBE_MANAGER is set and outweighs it\n"


def test_a_context_named_on_the_command_line_outweighs_the_environment(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.tasks = [task(allocation())]
    cube("context", "add", "here", str(manager.address))
    monkeypatch.setenv("CUBE_MANAGER", "127.0.0.1:1")
    monkeypatch.setenv("CUBE_MANAGER_HOST", "")
    monkeypatch.setenv("CUBE_MANAGER_PORT", "")

    assert cube("status", "-q").code == 7
    assert cube("-c", "here", "status", "-q").out == "t-web\n"
    monkeypatch.setenv("CUBE_MANAGER", "")  # so that it is put back after the test


def test_an_address_that_is_none_is_not_put_on_record(cube: Cube) -> None:
    assert cube("context", "add", "x", "host:many").code == 2
    assert cube("context", "ls", "-o", "name").out == "default\n"
