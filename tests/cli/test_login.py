"""`cube login`: a token is tried, kept beside the manager it is for, and never an argument."""

from __future__ import annotations

import tomllib
from io import StringIO
from pathlib import Path

import pytest

from tests.cli.conftest import Cube
from tests.cli.real_manager import RealManager


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "cube" / "config.toml"


@pytest.fixture
def prod(real: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch) -> RealManager:
    """A manager that is the context in use."""
    for variable in ("CUBE_MANAGER", "CUBE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    assert cube("context", "add", "prod", real.address, "--use").code == 0
    return real


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(text))


def test_with_a_token_that_is_kept_the_next_commands_are_let_in(
    prod: RealManager, cube: Cube, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = cube("token", "create", "alice", "--role", "viewer").out
    with prod.knowing_nobody():
        assert cube("status").code == 8
        type_in(monkeypatch, token)
        done = cube("login")
        assert (done.code, done.out) == (0, "")
        assert done.err == f"{prod.address} lets you in; the token is kept in {config}\n"
        assert cube("status").code == 0
        assert config.stat().st_mode & 0o777 == 0o600
        assert cube("login", "--forget").code == 0
        assert cube("status").code == 8
    assert tomllib.loads(config.read_text())["context"] == {"prod": {"manager": prod.address}}


@pytest.mark.parametrize("text", ["", "\n", "nonsense\n"])
def test_what_opens_nothing_is_not_kept(
    prod: RealManager, cube: Cube, config: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    type_in(monkeypatch, text)
    with prod.knowing_nobody():
        done = cube("login")
    assert done.code in (2, 8)
    assert "no token came" in done.err or "this token is not valid" in done.err
    assert "token" not in config.read_text()


def test_a_token_of_another_manager_is_not_kept_beside_this_one(
    prod: RealManager, cube: Cube, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = cube("token", "create", "alice", "--role", "viewer").out
    cube("context", "add", "other", "10.0.0.1", "--use")
    type_in(monkeypatch, token)
    done = cube("login", "-m", prod.address)
    assert done.code == 2
    assert "the context in use is that of 10.0.0.1:5555: it would get the token" in done.err
    assert token.strip() not in config.read_text() + done.err


def test_a_variable_that_outweighs_what_is_kept_is_named(
    prod: RealManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = cube("token", "create", "alice", "--role", "viewer").out
    type_in(monkeypatch, token)
    monkeypatch.setenv("CUBE_TOKEN", "another")
    assert "note: CUBE_TOKEN is set and outweighs it" in cube("login").err
