"""A24: what containers, machines and managers say, on the terminal of whoever looks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from cube.cli import app
from cube.errors import CubeError
from cube.model.event import EventKind
from cube.wire.views import LogRecord
from tests.cli.fake_manager import Answer, FakeManager, refusal
from tests.cli.views import allocation, event, node, task

# A clipboard, a question that is answered as if typed, an 8-bit sequence, a bell, steps back, text that runs backwards.
STEERING = ("\x1b]52;c;aGk=", "\x1b[6n", "\x9b31m", "\x07", "\x08", "C\rR", "\u202e", "\u2066")
HOSTILE = "".join(STEERING)
KEPT = frozenset({"id", "name", "task_id", "node_id", "kind"})  # by which things are found

SHOWN = {
    "status": (
        ["status"], ["status", "-o", "wide"], ["status", "-o", "json"],
        ["status", "web"], ["status", "web", "-o", "yaml"],
    ),
    "describe": (["describe", "web"],),
    "why": (["why", "web"],),
    "logs": (["logs", "web"], ["logs", "web", "-o", "json"], ["logs", "web", "--timestamps"]),
    "events": (["events"], ["events", "-o", "json"], ["events", "web"]),
    "node": (["node", "ls"], ["node", "ls", "-o", "wide"], ["node", "show", "w1"], ["node", "drain", "w1"]),
    "stop": (["stop", "web"],),
    "wait": (["wait", "web", "--timeout", "1"],),
    "run": (["run", "busybox", "--timeout", "1"], ["run", "--attach", "busybox"]),
    "apply": (["apply", "{file}"],),
    "plan": (["plan", "{file}"],),
    "restart": (["restart", "web"],),
    "scale": (["scale", "web=2"],),
    "rollback": (["rollback", "web"],),
    "rebalance": (["rebalance"],),
    "join-token": (["join-token", "ls"],),
    "ca": (["ca", "show"],),
    "context": (["context", "ls"],),
    "login": (["login"],),
    "token": (["token", "ls"],),
    "secret": (["secret", "ls"],),
    "registry": (["registry", "ls"],),
    "audit": (["audit"],),
    "version": (["version"],),
    "top": (["top"],),
    "doctor": (["doctor"],),
    "cp": (["cp", "web:/a", "{file}.out"],),
    "debug": (["debug", "{file}.tar"],),
}  # fmt: skip
NOT_SHOWN = {
    "exec": "the terminal is the container's, as with docker and ssh",
    "manager": "logs to a service's journal, where control characters are escaped",
    "worker": "as the manager",
    "dev": "both",
    "completion": "prints a script of its own",
}


class Screen(NamedTuple):
    """A terminal's two streams."""

    out: io.StringIO
    err: io.StringIO

    def text(self) -> str:
        """All that was written."""
        return self.out.getvalue() + self.err.getvalue()


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeManager]:
    with FakeManager() as fake:
        monkeypatch.setenv("CUBE_MANAGER", str(fake.address))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setenv("TERM", "xterm")
        yield fake


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Run a command on a terminal, and return what it wrote there."""
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"name": "web", "image": "busybox"}))
    screen = Screen(_Terminal(), _Terminal())
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", screen.out)
        patch.setattr("sys.stderr", screen.err)
        app.run([one.format(file=file) for one in arguments])
    return screen.text()


def hostile(view: Any) -> Any:
    """Return the view with every text in it steering, but for those by which things are found."""
    if isinstance(view, msgspec.Struct):
        changed = {
            name: hostile(getattr(view, name))
            for name in view.__struct_fields__
            if name not in KEPT
        }
        return msgspec.structs.replace(view, **changed)
    if isinstance(view, tuple | list):
        return type(view)(hostile(one) for one in view)
    if isinstance(view, dict):
        return {key: hostile(value) for key, value in view.items()}
    return f"{view}{HOSTILE}" if type(view) is str else view


def found_in(text: str) -> list[str]:
    """Return what of it could steer a terminal."""
    return [one for one in STEERING if one in text]


def test_a24_every_command_is_looked_at() -> None:
    assert SHOWN.keys() | NOT_SHOWN.keys() == app.COMMANDS.keys()


@pytest.mark.parametrize(
    "arguments", [one for many in SHOWN.values() for one in many], ids=" ".join
)
def test_a24_no_command_passes_on_what_steers_a_terminal_from_views(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    stays = allocation(reason="pulling", container_id="c1", address="10.0.0.1")
    waits = allocation(2, "pulling", reason="pulling")
    manager.tasks = [hostile(task(stays, waits, reason="waits", events=(event(3),)))]
    manager.nodes = [hostile(node(labels={"zone": "eu"}, runtime_error="no engine"))]
    manager.publish(
        hostile(event(4)), hostile(msgspec.structs.replace(event(5), kind=EventKind.NODE_LOST))
    )
    record = hostile(_record())
    for path in ("/task/web/logs", "/task/t-web/logs"):
        manager.answer("GET", path, Answer(200, msgspec.json.encode(record) + b"\n"))
    manager.answer("DELETE", "/task/t-web", Answer(204))
    assert found_in(run(arguments, monkeypatch, tmp_path)) == []


@pytest.mark.parametrize(
    "arguments", [one for many in SHOWN.values() for one in many], ids=" ".join
)
def test_a24_no_command_passes_on_what_steers_a_terminal_from_refusals(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    problem = CubeError(f"it failed {HOSTILE}", hint=f"do it again {HOSTILE}")
    manager.respond = lambda asked: refusal(problem)  # type: ignore[method-assign]
    assert found_in(run(arguments, monkeypatch, tmp_path)) == []


def _record() -> LogRecord:
    return LogRecord(name="web.1", node="w1", generation=1, stream="stdout", at_ns=1, text="a line")
