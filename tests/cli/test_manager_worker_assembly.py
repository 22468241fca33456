"""The daemons as their commands start them, each in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cube.client.manager import ManagerClient
from cube.client.transport import Address
from tests.cli.conftest import Cube


@contextmanager
def daemon(*args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a daemon until it says that it is ready; yield it with that line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cube", *args], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stderr is not None
    try:
        yield process, next((line for line in process.stderr if line.startswith("cube ")), "")
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.slow
def test_a_manager_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    args = ("--port", "0", "--data", str(tmp_path), "--log-format", "text")
    with daemon("manager", "start", *args) as (process, ready):
        found = re.match(r"cube manager on 127\.0\.0\.1:(\d+), data in ", ready)
        assert found is not None
        with ManagerClient(Address("127.0.0.1", int(found[1]))) as client:
            assert client.healthy()
            assert client.tasks() == []
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0


@pytest.mark.slow
def test_a_worker_without_manager_or_engine_waits_for_both(tmp_path: Path) -> None:
    args = ("--docker", "unix:///nowhere.sock", "--data", str(tmp_path), "--port", "0")
    text = ("--log-format", "text")
    with daemon("worker", "start", "-m", "127.0.0.1:1", *args, *text) as (process, ready):
        assert ready.startswith("cube worker for 127.0.0.1:1, own API on 127.0.0.1:")
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0


def test_several_workers_of_one_machine_are_refused(cube: Cube) -> None:
    result = cube("worker", "start", "--count", "2")

    assert result.code == 2
    assert result.err.startswith("cube: --count: needs --runtime simulated")


def test_amounts_that_do_not_read_keep_a_worker_from_starting(cube: Cube) -> None:
    result = cube("worker", "start", "--memory", "lots")

    assert result.code == 2
    assert result.err.startswith("cube: --memory: expected bytes or a size")
