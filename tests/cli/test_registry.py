"""`cube registry`: a password goes from a file or standard input to the manager, and nowhere else."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from cube.wire.account_views import AccountView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json

HUB = AccountView(registry="docker.io", username="ci", at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_comes_from_a_file_without_its_line_end(
    manager: FakeManager, cube: Cube, tmp_path: Path, end: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"hunter2" + end.encode())
    manager.answer("PUT", "/registry/docker.io", json(HUB))

    code, out, err = cube("registry", "set", "docker.io", "-u", "ci", "--file", str(file))

    assert (code, out, err) == (0, "", "images of docker.io are pulled as ci\n")
    [sent] = manager.requests("PUT", "/registry/docker.io")
    assert sent.body == {"username": "ci", "password": "hunter2"}


def test_a_password_comes_from_standard_input(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(b"hunter2\n"), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stdin)
    manager.answer("PUT", "/registry/docker.io", json(HUB))
    assert cube("registry", "set", "docker.io", "-u", "ci").code == 0
    [sent] = manager.requests("PUT", "/registry/docker.io")
    assert sent.body == {"username": "ci", "password": "hunter2"}


def test_a_password_is_never_an_argument(manager: FakeManager, cube: Cube) -> None:
    code, _, err = cube("registry", "set", "docker.io", "-u", "ci", "hunter2")
    assert code == 2
    assert "is not taken as an argument" in err
    assert "hunter2" not in err
    assert manager.asked == []


def test_a_password_is_text(cube: Cube, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    done = cube("registry", "set", "docker.io", "-u", "ci", "--file", str(file))
    assert (done.code, "the password: is no text" in done.err) == (2, True)


def test_accounts_are_listed_by_registry(manager: FakeManager, cube: Cube) -> None:
    manager.answer("GET", "/registry", json([HUB]), json([HUB]), json([HUB]))
    assert cube("registry").out.split()[:5] == ["REGISTRY", "USER", "AGE", "docker.io", "ci"]
    for names in ("-q", "-oname"):
        assert cube("registry", "ls", names).out == "docker.io\n"


def test_accounts_are_forgotten(manager: FakeManager, cube: Cube) -> None:
    manager.answer("DELETE", "/registry/docker.io", Answer(204))
    code, _, err = cube("registry", "rm", "docker.io")
    assert (code, err) == (0, "the account at docker.io is forgotten\n")
