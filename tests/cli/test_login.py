"""Tokens on the command line: made, kept, sent, and never an argument."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cube.cli.keeping import keep_token
from cube.cli.token import _role, _ttl
from cube.errors import InvalidInput
from cube.model.role import Role


def test_a_token_is_kept_for_its_owner_only_and_beside_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "cube" / "config.toml"
    path.parent.mkdir()
    path.write_text('manager = "10.0.0.1:5555"\n')
    keep_token(path, "t", {})
    assert tomllib.loads(path.read_text()) == {"manager": "10.0.0.1:5555", "token": "t"}
    assert path.stat().st_mode & 0o777 == 0o600
    keep_token(path, None, {})
    assert tomllib.loads(path.read_text()) == {"manager": "10.0.0.1:5555"}


def test_it_is_kept_with_the_context_in_use(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('current = "a"\n[context.a]\nmanager = "x"\n[context.b]\nmanager = "y"\n')
    keep_token(path, "t", {})
    keep_token(path, "u", {"CUBE_CONTEXT": "b"})
    contexts = tomllib.loads(path.read_text())["context"]
    assert (contexts["a"]["token"], contexts["b"]["token"]) == ("t", "u")


def test_a_file_that_does_not_read_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("= 1")
    with pytest.raises(InvalidInput):
        keep_token(path, "t", {})
    assert path.read_text() == "= 1"


def test_roles_and_times_are_checked_before_anybody_is_asked() -> None:
    assert (_role("shell"), _ttl("8h"), _ttl("")) == (Role.SHELL, 8 * 3600_000, 90 * 86400_000)
    for wrong in ("worker", "root"):
        with pytest.raises(InvalidInput, match="must be one of"):
            _role(wrong)
    with pytest.raises(InvalidInput, match="3650 days"):
        _ttl("4000d")
