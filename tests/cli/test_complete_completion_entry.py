"""What a shell is told at Tab: quickly, silently, and what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cube.cli import complete
from cube.cli.app import COMMANDS
from cube.cli.completion import command_lines
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json
from tests.cli.test_app import script


def test_live_names_are_those_that_begin_so(
    manager: FakeManager, cube: Cube, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.answer("GET", "/name", json(["web", "worker"]))

    assert complete.main(["task", "w"]) == 0

    assert capsys.readouterr().out == "web\nworker\n"
    assert manager.requests("GET", "/name")[0].query == {"of": "task", "prefix": "w"}


def test_contexts_need_no_manager(cube: Cube, capsys: pytest.CaptureFixture[str]) -> None:
    cube("context", "add", "prod", "a:1")
    complete.main(["context", "p"])

    assert capsys.readouterr() == ("prod\n", "")


@pytest.mark.parametrize("answer", [Answer(500, b"oops"), Answer(200, b"{"), Answer(cut=True)])
def test_what_goes_wrong_is_silence(
    manager: FakeManager, cube: Cube, capsys: pytest.CaptureFixture[str], answer: Answer
) -> None:
    manager.answer("GET", "/name", *[answer] * 3)

    assert complete.main(["node", ""]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_manager_that_is_slow_is_not_waited_for(
    cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete, "WAIT_SECONDS", 0.001)
    monkeypatch.setattr(
        "cube.client.transport.Transport.read", lambda *_: __import__("threading").Event().wait(5)
    )

    assert complete.names("task", "") == []


def test_a_tab_imports_no_command_line(manager: FakeManager, tmp_path: Path) -> None:
    manager.answer("GET", "/name", json(["web"]))
    code = (
        "import sys; sys.argv = ['cube', '__complete', 'task', ''];"
        "from cube.cli.entry import main\n"
        "try: main()\n"
        "finally: print(sorted({'typer', 'rich', 'aiohttp', 'textual'} & sys.modules.keys()))"
    )

    assert script(code, manager, tmp_path).stdout == "web\n[]\n"


def test_everything_else_loads_the_command_line(manager: FakeManager, tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['cube', '--version']; from cube.cli.entry import main; main()"

    assert script(code, manager, tmp_path).stdout.startswith("cube ")


def test_every_command_and_what_it_takes_is_known() -> None:
    lines = {line.path: line for line in command_lines()}

    assert set(COMMANDS) <= set(lines)
    assert lines["stop"].takes == "task"
    assert lines["node drain"].takes == "node"
    assert lines["context use"].takes == "context"
    assert lines["context add"].takes == ""
    flags = {name: flag.takes for flag in lines["status"].flags for name in flag.names}
    assert (flags["--node"], flags["--watch"]) == ("node", "")
    assert flags["-o"].split() == ["table", "wide", "json", "yaml", "name"]


def completed(words: list[str], tmp_path: Path, cube: Cube) -> list[str]:
    """What bash offers behind these words; live names come from a `cube` of the test's own."""
    tool = tmp_path / "bin" / "cube"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text('#!/bin/sh\necho "live-$2-$3"\n')
    tool.chmod(0o755)
    typed = " ".join(f"'{word}'" for word in words)
    ask = (
        f"{cube('completion', 'bash').out}\n"
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _cube; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "-c", ask], capture_output=True, text=True, timeout=30, check=True,
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout.split()


def test_bash_offers_commands_flags_values_and_live_names(cube: Cube, tmp_path: Path) -> None:
    assert completed(["cube", "sta"], tmp_path, cube) == ["status"]
    assert completed(["cube", "node", "un"], tmp_path, cube) == ["uncordon"]
    assert completed(["cube", "status", "--wa"], tmp_path, cube) == ["--watch"]
    assert completed(["cube", "status", "-o", "j"], tmp_path, cube) == ["json"]
    assert completed(["cube", "logs", "-f", "we"], tmp_path, cube) == ["live-task-we"]
    assert completed(["cube", "node", "drain", "w"], tmp_path, cube) == ["live-node-w"]
    assert completed(["cube", "status", "--node", "w"], tmp_path, cube) == ["live-node-w"]


def test_a_shell_that_is_none_of_them_is_wrong_usage(cube: Cube) -> None:
    assert cube("completion", "csh").code == 2


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cube", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.startswith("cube ")
