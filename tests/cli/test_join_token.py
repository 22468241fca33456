"""Joining from the command line: tokens, the root, and what a worker is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cube.cli import worker
from cube.client.transport import Address
from cube.errors import InvalidInput
from cube.wire.membership import JoinTokenView, RotationView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json

AT = datetime(2026, 1, 1, tzinfo=UTC)  # gone by
TOKEN = f"cubej1-{'a' * 52}-0123abcd-{'b' * 26}"
MADE = JoinTokenView(
    id="0123abcd", made_at=AT, expires_at=AT, uses=1, left=1, token=TOKEN,
    join="cube worker start --join 10.0.0.1:5555",
)  # fmt: skip
QUIET = RotationView(pin="p", expires_at=AT, stage="quiet")


def test_create_prints_the_whole_line_for_the_other_machine(
    manager: FakeManager, cube: Cube
) -> None:
    manager.answer("POST", "/join-token", json(MADE))

    assert cube("join-token", "create", "--ttl", "10m", "--uses", "3") == (
        0,
        f"cube worker start --join 10.0.0.1:5555 --token {TOKEN}\n",
        "good for one machine until 2026-01-01 00:00:00 UTC\n",
    )
    assert manager.asked[-1].body == {"ttl_ms": 600_000, "uses": 3, "node": ""}


def test_tokens_are_listed_without_their_secrets(manager: FakeManager, cube: Cube) -> None:
    manager.answer("GET", "/join-token", json([MADE]))
    listed = cube("join-token", "ls").out
    assert "0123abcd" in listed
    assert "1 of 1" in listed
    assert "expired" in listed
    assert "bbbb" not in listed


def test_a_token_is_removed_by_its_id(manager: FakeManager, cube: Cube) -> None:
    manager.answer("DELETE", "/join-token/0123abcd", json(None))
    assert cube("join-token", "rm", "0123abcd").out == "0123abcd\n"


def test_a_rotation_that_ended_says_what_is_worth_nothing_now(
    manager: FakeManager, cube: Cube
) -> None:
    manager.answer("GET", "/ca/rotation", json(QUIET))
    manager.answer(
        "POST", "/ca/rotation", json(RotationView(pin="q", expires_at=AT, stage="quiet"))
    )
    done = cube("ca", "rotate")
    assert done.code == 0
    assert "pin:      q" in done.out
    assert "join tokens made before are worth nothing" in done.err


def test_the_root_is_shown_with_who_is_missing(manager: FakeManager, cube: Cube) -> None:
    seen = RotationView(pin="p", expires_at=AT, stage="announcing", missing=["w1", "w2"])
    manager.answer("GET", "/ca/rotation", json(seen))
    assert cube("ca", "show").out.splitlines() == [
        "pin:      p", "expires:  2026-01-01", "rotation: announcing", "missing:  w1, w2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "objection"),
    [
        (["--join", "10.0.0.1:5555"], "is needed to join 10.0.0.1:5555 the first time"),
        (["--join", "10.0.0.1:5555", "--token", "nonsense"], "is no join token"),
        (["--token", TOKEN], "needs --join HOST:PORT"),
        (["--join", "10.0.0.1:5555", "-m", "h:1"], "leave out -m"),
        (["--join", "10.0.0.1:5555", "--runtime", "simulated"], "those of the manager's machine"),
    ],
)
def test_a_worker_that_cannot_join_says_what_is_missing(
    cube: Cube, tmp_path: Path, arguments: list[str], objection: str
) -> None:
    done = cube("worker", "start", "--data", str(tmp_path), *arguments)
    assert done.code == 2
    assert objection in done.err
    assert TOKEN not in done.err


def test_a_worker_that_never_joined_asks_the_manager_of_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBE_MANAGER", raising=False)
    assert worker._manager("", "", "", tmp_path) == Address("127.0.0.1", 5555)
    with pytest.raises(InvalidInput):
        worker._manager("", "", TOKEN, tmp_path)
