"""Whatever the command: what is not there, what is not clear, and a manager that is away are told alike.

The messages are held to files that a person has read, in `tests/golden/errors`. `GOLDEN=write` writes them anew.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cube.cli import app
from cube.client import transport
from cube.client.transport import AWAY_SECONDS, CONNECT_LEAST_SECONDS, CONNECT_SECONDS
from cube.core.cluster import Cluster
from cube.core.effects import Snapshot
from cube.errors import CubeError
from cube.manager.lookup import find_node, find_task
from cube.model.ids import NodeId, TaskId
from tests.builders import a_node, a_task
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json, refusal
from tests.cli.views import task

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "errors"
OF_A_TASK = (
    ("status", "wbe"),
    ("describe", "wbe"),
    ("why", "wbe"),
    ("logs", "wbe"),
    ("events", "wbe"),
    ("stop", "wbe"),
    ("restart", "wbe"),
    ("scale", "wbe=2"),
    ("wait", "wbe"),
)
OF_A_NODE = (
    ("node", "show", "w9"),
    ("node", "drain", "w9"),
    ("node", "cordon", "w9"),
    ("node", "uncordon", "w9"),
    ("node", "rm", "w9"),
    ("status", "--node", "w9"),
)
OF_ALL = (("status",), ("node",), ("node", "ls"), ("events",), ("rebalance", "--plan"))
TASKS = [
    a_task(id=TaskId("aa11"), name="web"),
    a_task(id=TaskId("aa22"), name="db"),
    a_task(id=TaskId("cc44"), name="website"),
]
NODES = [a_node("w1", id=NodeId("n1")), a_node("w2", id=NodeId("n2"))]
CLUSTER = Cluster(Snapshot(cluster_id="c1", tasks=TASKS, nodes=NODES))


def said(task_ref: str = "", node_ref: str = "") -> CubeError:
    """What a manager with these tasks and nodes says of a reference."""
    with pytest.raises(CubeError) as caught:
        if task_ref:
            find_task(CLUSTER, task_ref)
        find_node(CLUSTER, node_ref)
    return caught.value


def hold(name: str, shown: str) -> None:
    """Compare with the golden file."""
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text()


def answers(manager: FakeManager, error: CubeError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "respond", lambda _: refusal(error))


@pytest.mark.parametrize("command", OF_A_TASK, ids=" ".join)
def test_an_unknown_task_is_code_3_with_near_names(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    answers(manager, said(task_ref="wbe"), monkeypatch)

    result = cube(*command)

    assert (result.code, result.out) == (3, "")
    hold("unknown_task", result.err)


@pytest.mark.parametrize("command", OF_A_NODE, ids=" ".join)
def test_an_unknown_node_is_code_3_with_near_names(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    answers(manager, said(node_ref="w9"), monkeypatch)

    result = cube(*command)

    assert (result.code, result.out) == (3, "")
    hold("unknown_node", result.err)


@pytest.mark.parametrize("command", OF_A_TASK, ids=" ".join)
def test_an_ambiguous_task_is_code_1_with_the_matches(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    answers(manager, said(task_ref="aa"), monkeypatch)

    result = cube(*command)

    assert (result.code, result.out) == (1, "")
    hold("ambiguous_task", result.err)


@pytest.mark.parametrize("command", OF_A_NODE, ids=" ".join)
def test_an_ambiguous_node_is_code_1_with_the_matches(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    answers(manager, said(node_ref="n"), monkeypatch)

    result = cube(*command)

    assert (result.code, result.out) == (1, "")
    hold("ambiguous_node", result.err)


@pytest.mark.parametrize("command", (*OF_A_TASK, *OF_A_NODE, *OF_ALL), ids=" ".join)
def test_a_manager_that_is_away_is_code_7_with_the_address(
    cube: Cube, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUBE_MANAGER", "127.0.0.1:1")
    monkeypatch.setattr(transport, "AWAY_SECONDS", 0.05)

    result = cube(*command)

    assert (result.code, result.out) == (7, "")
    hold("manager_away", result.err)


def test_a_person_knows_within_two_seconds_that_the_manager_is_away(
    cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBE_MANAGER", "127.0.0.1:1")
    began = time.monotonic()

    assert cube("status").code == 7

    assert time.monotonic() - began < 2


def test_an_address_that_swallows_everything_is_given_up_in_time() -> None:
    assert max(AWAY_SECONDS, CONNECT_SECONDS) + CONNECT_LEAST_SECONDS < 2


def on_a_terminal(manager: FakeManager, home: Path, *args: str) -> str:
    """What a command writes where a terminal would show it."""
    master, slave = pty.openpty()
    environ = {
        **os.environ, "CUBE_MANAGER": str(manager.address), "XDG_CONFIG_HOME": str(home),
        "TERM": "xterm", "NO_COLOR": "1",
    }  # fmt: skip
    try:
        subprocess.run(
            [sys.executable, "-m", "cube", *args],
            stdin=slave, stdout=slave, stderr=slave, env=environ, timeout=30, check=False,
        )  # fmt: skip
        os.close(slave)
        slave = -1
        written = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # how Linux ends a terminal that nobody holds open
                return written.decode()
            written += piece
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)


HOSTILE = "\x1b]0;owned\x07 and \x1b[2J gone"


def test_an_error_steers_no_terminal_and_reaches_a_pipe_as_it_is(
    manager: FakeManager, cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(manager, CubeError(f"it said {HOSTILE}", hint=HOSTILE), monkeypatch)

    assert HOSTILE in cube("status", "web").err
    shown = on_a_terminal(manager, tmp_path, "status", "web")
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "owned" in shown


@pytest.mark.parametrize(
    "command", [("status",), ("status", "web"), ("status", "-o", "wide")], ids=" ".join
)
def test_a_name_or_a_reason_steers_no_terminal(
    manager: FakeManager, tmp_path: Path, command: tuple[str, ...]
) -> None:
    manager.tasks = [task(image=f"x{HOSTILE}", reason=HOSTILE)]
    manager.answer("GET", "/node", json([]))

    shown = on_a_terminal(manager, tmp_path, *command)

    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert "owned" in shown


def test_a_reason_reaches_a_pipe_as_it_is(manager: FakeManager, cube: Cube) -> None:
    manager.tasks = [task(reason=HOSTILE)]

    assert HOSTILE in cube("status").out


def test_stderr_that_is_gone_is_no_error(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("cube.cli.output.note", gone)

    assert app.run(["status", "-m", "127.0.0.1:1"]) == 7
