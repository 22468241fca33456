"""`cube secret`: values come from files and standard input, and go nowhere else."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from cube.errors import Conflict
from cube.wire.secret_views import SecretView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json, refusal

DB = SecretView(name="db", version=2, at=datetime(2026, 1, 1, tzinfo=UTC), used_by=("web",))


def test_a_value_comes_from_a_file(manager: FakeManager, cube: Cube, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text('"hidden"\n')
    manager.answer("PUT", "/secret/db", json(DB))

    code, out, err = cube("secret", "set", "db", "--file", str(file))

    assert (code, out) == (0, "")
    assert err == (
        "db is set, version 2\ncontainers that run keep what they have; cube restart web\n"
    )


def test_a_value_comes_from_standard_input_without_its_line_end(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(b'"hidden"\n'), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stdin)
    manager.answer("PUT", "/secret/db", json(DB))
    assert cube("secret", "set", "db").code == 0
    assert manager.requests("PUT", "/secret/db")[0].body == "hidden"


def test_a_value_is_never_an_argument(manager: FakeManager, cube: Cube) -> None:
    code, _, err = cube("secret", "set", "db", "hunter2")
    assert code == 2
    assert "is not taken as an argument" in err
    assert "hunter2" not in err
    assert manager.asked == []


def test_an_empty_or_unreadable_value_is_refused(cube: Cube, tmp_path: Path) -> None:
    file = tmp_path / "value"
    assert "cannot be read" in cube("secret", "set", "db", "--file", str(file)).err
    file.write_bytes(b"")
    assert "is empty" in cube("secret", "set", "db", "--file", str(file)).err
    file.write_bytes(b"x" * (500 * 1024 + 1))
    assert "is longer than" in cube("secret", "set", "db", "--file", str(file)).err


def test_secrets_are_listed_by_name(manager: FakeManager, cube: Cube) -> None:
    manager.answer("GET", "/secret", json([DB]))
    manager.answer("GET", "/secret", json([DB]))
    out = cube("secret").out.splitlines()
    assert out[0].split() == ["NAME", "VERSION", "AGE", "TASKS"]
    assert out[1].split()[:2] == ["db", "2"]
    assert cube("secret", "ls", "-q").out == "db\n"


def test_a_secret_in_use_stays(manager: FakeManager, cube: Cube) -> None:
    manager.answer("DELETE", "/secret/api", Answer(204))
    manager.answer("DELETE", "/secret/db", refusal(Conflict("secret db is named by web")))
    code, _, err = cube("secret", "rm", "api", "db")
    assert code == 6
    assert err.splitlines() == ["api is forgotten", "cube: secret db is named by web"]
