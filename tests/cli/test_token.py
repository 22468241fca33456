"""`cube token` with a manager that means it: what was made opens, what was revoked does not."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cube
from tests.cli.real_manager import RealManager


@pytest.fixture(autouse=True)
def here(real: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBE_MANAGER", real.address)
    monkeypatch.delenv("CUBE_TOKEN", raising=False)


def test_a_token_opens_what_its_role_allows_until_it_is_revoked(
    real: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cube("token", "create", "alice", "--role", "viewer", "--ttl", "1h")
    assert made.err.startswith("viewer until 20")
    monkeypatch.setenv("CUBE_TOKEN", made.out.strip())
    with real.knowing_nobody():
        assert cube("status").code == 0
        refused = cube("run", "busybox")
        assert refused.code == 8
        assert "this needs the role operator; alice has viewer" in refused.err
    assert cube("token", "rm", "alice").code == 8  # hers is what is shown, and it is a viewer's
    monkeypatch.delenv("CUBE_TOKEN")
    assert cube("token", "rm", "alice").out == "alice\n"
    monkeypatch.setenv("CUBE_TOKEN", made.out.strip())
    with real.knowing_nobody():
        refused = cube("status")
    assert refused.code == 8
    assert "this token is not valid" in refused.err


def test_the_list_shows_who_has_which_and_no_secret(cube: Cube) -> None:
    made = json.loads(cube("token", "create", "ci", "--role", "operator", "-o", "json").out)
    header, row = cube("token", "ls").out.splitlines()
    assert header.split() == ["ID", "NAME", "ROLE", "EXPIRES", "USED", "BY"]
    expires = made["expires_at"][:10]
    assert row.split() == [made["id"], "ci", "operator", expires, "never", "root"]
    assert made["token"].split("_")[2] not in cube("token", "ls", "-o", "json").out
    assert cube("token", "ls", "-q").out == f"{made['id']}\n"


@pytest.mark.parametrize(
    ("arguments", "objection"),
    [
        (("a b", "--role", "viewer"), "name"),
        (("a", "--role", "worker"), "--role: must be one of admin, operator, shell, viewer"),
        (("a", "--role", "viewer", "--ttl", "4000d"), "--ttl: must be between 1 second"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_its_field(
    cube: Cube, arguments: tuple[str, ...], objection: str
) -> None:
    done = cube("token", "create", *arguments)
    assert done.code == 2
    assert objection in done.err
    assert cube("token", "ls", "-q").out == ""


def test_one_that_is_not_there_is_told(cube: Cube) -> None:
    done = cube("token", "rm", "nobody")
    assert done.code == 3
    assert "there is no token 'nobody'" in done.err
