"""Finding and signalling the processes of a session, on processes of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cube.runtime import processes


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A session of a leader and its child; both count as in the container `c1`."""
    leader = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo up; wait"], start_new_session=True, stdout=subprocess.PIPE
    )
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"up\n"
    monkeypatch.setattr(processes, "belongs_to", lambda pid, container: container == "c1")
    yield leader
    for pid in processes.session_of(leader.pid, "c1"):
        os.kill(pid, signal.SIGKILL)
    leader.wait(5)
    leader.stdout.close()


def test_a_session_is_its_leader_and_what_that_started(group: subprocess.Popen[bytes]) -> None:
    found = processes.session_of(group.pid, "c1")

    assert group.pid in found
    assert len(found) == 2


def test_a_process_of_another_container_is_neither_found_nor_signalled(
    group: subprocess.Popen[bytes],
) -> None:
    assert processes.session_of(group.pid, "other") == []
    assert processes.send(group.pid, signal.SIGKILL, "other") is False
    assert group.poll() is None


def test_a_signal_arrives(group: subprocess.Popen[bytes]) -> None:
    assert processes.send(group.pid, signal.SIGTERM, "c1") is True
    assert group.wait(5) == -signal.SIGTERM


def test_what_has_ended_is_left_alone(group: subprocess.Popen[bytes]) -> None:
    group.kill()
    group.wait(5)

    assert processes.send(group.pid, signal.SIGKILL, "c1") is False


def test_whose_a_process_is_stands_in_its_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("4:pids:/docker/abc\n")
    (tmp_path / "7" / "status").write_text("Name:\tsh\nNSpid:\t7\t3\n")

    assert processes.belongs_to(7, "abc")
    assert not processes.belongs_to(7, "def")
    assert not processes.belongs_to(8, "abc")
    assert processes.number_inside(7) == 3
    assert processes.number_inside(8) is None
