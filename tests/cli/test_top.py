"""`cube top` before and beside its screen."""

from __future__ import annotations

import signal
import subprocess

import pytest

from cube.cli import top
from tests.cli.conftest import Cube


def test_in_a_pipe_it_names_what_works_there(cube: Cube) -> None:
    result = cube("top")

    assert result.code == 1
    assert result.err.startswith("cube: top draws on a terminal")
    assert "cube status" in result.err


def test_ctrl_c_in_a_command_is_not_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupted(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        signal.raise_signal(signal.SIGINT)
        return subprocess.CompletedProcess(command, 130)

    monkeypatch.setattr(subprocess, "run", interrupted)
    top.run_cube(["logs", "web"])

    assert signal.getsignal(signal.SIGINT) is before
