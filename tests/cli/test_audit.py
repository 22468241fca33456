"""`cube audit`: who did what, as the manager recorded it, and whether that record is whole."""

from __future__ import annotations

import json

import pytest

from cube.wire.access_views import AuditCheck
from tests.cli import fake_manager
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager
from tests.cli.real_manager import RealManager


@pytest.fixture
def here(real: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch) -> RealManager:
    monkeypatch.setenv("CUBE_MANAGER", real.address)
    monkeypatch.delenv("CUBE_TOKEN", raising=False)
    return real


def test_what_was_done_is_there_with_who_did_it_and_the_chain_is_whole(
    here: RealManager, cube: Cube
) -> None:
    token = cube("token", "create", "alice", "--role", "viewer").out.strip()
    cube("token", "rm", "alice")
    header, *rows = cube("audit").out.splitlines()
    assert header.split()[:3] == ["NUMBER", "TIME", "WHO"]
    made, removed = (row.split() for row in rows)
    assert (made[0], made[3:7]) == ("1", ["root", "(unix:0)", "127.0.0.1", "createToken"])
    assert (removed[6], removed[-2]) == ("removeToken", "204")
    assert token not in "".join(rows)
    newest = json.loads(cube("audit", "-n", "1", "-o", "json").out)
    assert [one["number"] for one in newest] == [2]
    told = cube("audit", "verify")
    assert (told.code, told.out) == (0, "whole: 2 entries, 1 to 2\n")
    assert "the newest link is" in told.err


def test_it_is_for_administrators_only(
    here: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = cube("token", "create", "alice", "--role", "operator").out.strip()
    monkeypatch.setenv("CUBE_TOKEN", token)
    assert cube("audit").code == 8
    assert "this needs the role admin" in cube("audit", "verify").err


def test_a_chain_that_is_broken_is_a_failure_and_says_where(
    manager: FakeManager, cube: Cube
) -> None:
    broken = AuditCheck(
        whole=False, fault="entry 7 was changed", entries=9, first=1, last=9, head=""
    )
    manager.answer("GET", "/audit/check", fake_manager.json(broken))
    assert cube("audit", "verify")[:2] == (1, "broken: entry 7 was changed\n")
