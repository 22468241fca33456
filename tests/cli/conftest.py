from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cube.cli import app
from tests.cli.fake_manager import FakeManager
from tests.cli.real_manager import RealManager


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Cube = Callable[..., Result]


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    with FakeManager() as fake:
        yield fake


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealManager]:
    with RealManager(tmp_path / "manager") as one:
        yield one


@pytest.fixture
def cube(
    manager: FakeManager,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
) -> Cube:
    """Run a command in this process against the fake manager, as in a pipe."""
    monkeypatch.setenv("CUBE_MANAGER", str(manager.address))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CUBE_CONTEXT", "")
    monkeypatch.delenv("CUBE_DEBUG", raising=False)

    def run(*args: str) -> Result:
        code = app.run(list(args))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run
