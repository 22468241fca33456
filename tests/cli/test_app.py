"""The entry point: help, errors, exit codes, and what a quick command may import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cube import errors
from cube.cli import app, exits
from cube.cli.app import COMMANDS
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json, refusal
from tests.cli.views import allocation, node, task

SLOW_TO_IMPORT = {
    "aiohttp",
    "asyncio",
    "aiodocker",
    "sqlite3",
    "numpy",
    "psutil",
    "yaml",
    "rich",
    "tomllib",
}
NOT_FOR_A_MANAGER = {"aiodocker", "cryptography", "psutil", "rich", "textual", "yaml"}
GROUPS = {
    "node": ("ls", "show", "drain", "cordon", "uncordon", "rm"),
    "context": ("ls", "use", "add", "rm", "show"),
    "manager": ("start",),
    "worker": ("start",),
    "secret": ("set", "ls", "rm"),
    "registry": ("set", "ls", "rm"),
}


def script(
    code: str, manager: FakeManager, home: Path, *args: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with stdout and stderr in pipes."""
    environ = {**os.environ, "CUBE_MANAGER": str(manager.address), "XDG_CONFIG_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True, text=True, timeout=30, env=environ, check=False,
    )  # fmt: skip


def test_help_shows_every_command_with_one_line(cube: Cube) -> None:
    code, out, err = cube("--help")

    assert (code, err) == (0, "")
    shown = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    for name, entry in COMMANDS.items():
        assert shown[name].endswith(entry.help)


def test_cube_alone_shows_its_help(cube: Cube) -> None:
    assert cube().out == cube("--help").out


@pytest.mark.parametrize(
    "command",
    [(name,) for name in COMMANDS]
    + [(group, sub) for group, subs in GROUPS.items() for sub in subs],
    ids=" ".join,
)
def test_every_command_explains_itself(cube: Cube, command: tuple[str, ...]) -> None:
    code, out, err = cube(*command, "--help")

    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: cube {' '.join(command)}")
    if len(command) == 1:
        assert COMMANDS[command[0]].help.split(":")[0].rstrip(".") in out or command[0] in GROUPS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput((errors.Objection("name", "is taken"),)), 2),
        (errors.NotFound("there is no task web"), 3),
        (errors.Ambiguous("2 tasks fit"), 1),
        (errors.Conflict("moved on"), 6),
        (errors.NotAllowed("no"), 8),
        (errors.Unauthenticated("who?"), 8),
        (errors.LedgerFull("no room"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_manager_refuses_has_its_exit_code(
    manager: FakeManager, cube: Cube, error: errors.CubeError, code: int
) -> None:
    error.hint = "try this"
    manager.answer("GET", "/task/web", refusal(error))

    result = cube("status", "web")

    assert (result.code, result.out) == (code, "")
    assert result.err == f"cube: {error}\nhint: try this\n"


def test_no_manager_is_code_7_with_the_command_that_helps(cube: Cube) -> None:
    result = cube("status", "-m", "127.0.0.1:1")

    assert result.code == exits.Exit.MANAGER_AWAY
    assert result.err == (
        "cube: no manager answers at 127.0.0.1:1 (connection refused)\n"
        "hint: start one with `cube manager start`, or name another with -m HOST:PORT\n"
    )


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("sttaus",), "there is no command 'sttaus'; did you mean `cube status`?"),
        (("status", "--wathc"), "no such option: --wathc"),
        (("stop",), "missing argument 'TASK...'"),
        (("scale", "web"), "TASK=N: 'web' has no value; write KEY=VALUE"),
        (("scale", "web=many"), "web: 'many' is no number of replicas"),
        (("wait", "web", "--timeout", "soon"), "--timeout: "),
        (("logs", "web", "--since", "x"), "--since: "),
        (("logs", "web", "-n", "few"), "--tail: "),
        (("run",), "name a task file, - for stdin, or an image"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_code_2_and_says_what(cube: Cube, args: tuple[str, ...], told: str) -> None:
    result = cube(*args)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"cube: {told}")


def test_a_bug_shows_no_traceback_unless_asked(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("cube.cli.target.resolve", broken)

    assert cube("version") == (
        1,
        "client   0.1.0\n",
        "cube: ZeroDivisionError: division by zero\n"
        "hint: this is a bug in cube; --debug shows where\n",
    )
    monkeypatch.setenv("CUBE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        app.run(["version"])


def test_interrupting_leaves_with_130(cube: Cube, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cube.cli.target.resolve", interrupted)

    assert cube("version").code == exits.Exit.INTERRUPTED


def test_status_imports_nothing_that_is_slow(manager: FakeManager, tmp_path: Path) -> None:
    manager.tasks, manager.nodes = [task(allocation())], [node()]
    code = (
        "import sys; from cube.cli.app import run; code = run(['status']);"
        f"print(sorted({SLOW_TO_IMPORT!r} & sys.modules.keys()), code, file=sys.stderr)"
    )

    done = script(code, manager, tmp_path)

    assert done.stderr.splitlines()[-1] == "[] 0"
    assert "web" in done.stdout


def test_a_manager_that_starts_imports_nothing_that_only_others_need(
    manager: FakeManager, tmp_path: Path
) -> None:
    refused = ["manager", "start", "--strategy", "nope", "--data", str(tmp_path)]
    code = (
        f"import sys; from cube.cli.app import run; run({refused!r});"
        f"print(sorted({NOT_FOR_A_MANAGER!r} & sys.modules.keys()), file=sys.stderr);"
        "print('cube.manager.app' in sys.modules)"
    )

    done = script(code, manager, tmp_path)

    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout == "True\n"


def test_a_reader_that_leaves_is_no_error(manager: FakeManager, tmp_path: Path) -> None:
    manager.answer("GET", "/task", json([task(name=f"web-{n:05}") for n in range(2000)]))
    code = (
        "import subprocess, sys\n"
        "cube = subprocess.Popen([sys.executable, '-m', 'cube', 'status', '-q'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "cube.stdout.readline(); cube.stdout.close()\n"
        "print(cube.stderr.read().decode(), cube.wait(10))\n"
    )

    assert script(code, manager, tmp_path).stdout.split() == ["0"]
