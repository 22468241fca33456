"""`cube debug`: what is inside, for whom, and what is not."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

import msgspec
import pytest

from cube.cli import debug
from cube.errors import ManagerAway
from cube.model.spec import TaskSpec
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager
from tests.cli.views import allocation, event, node, task


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal, and no look at this machine's ports."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(debug, "_doctor", lambda _: [])


def inside(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as bundle:
        read = {one.name: bundle.extractfile(one) for one in bundle.getmembers()}
        return {name: file.read() for name, file in read.items() if file is not None}


def test_the_bundle_holds_what_there_is_without_secrets(
    manager: FakeManager, cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TaskSpec(name="web", image="x", env={"KEY": "hush"}, command=("run", "--token", "hush"))
    manager.tasks, manager.nodes = [task(allocation(), spec=spec)], [node()]
    manager.events = [event(1, message="login with password=hush failed")]
    monkeypatch.setenv("CUBE_TOKEN", "hush")
    path = tmp_path / "b.tgz"

    result = cube("debug", "-o", str(path))

    assert (result.code, result.out) == (0, f"{path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    parts = inside(path)
    assert b"hush" not in b"".join(parts.values())
    tasks = msgspec.json.decode(parts["cube-debug/tasks.json"])
    assert (tasks[0]["name"], list(tasks[0]["spec"]["env"])) == ("web", ["KEY"])
    told = parts["cube-debug/CONTENTS.txt"].decode()
    assert "tasks.json" in told
    assert "left out: journal.log: this machine has no journal" in told


def test_without_a_manager_there_is_a_bundle_of_this_machine(cube: Cube, tmp_path: Path) -> None:
    path = tmp_path / "b.tgz"

    assert cube("debug", "-o", str(path), "-m", "127.0.0.1:1").code == 0

    parts = inside(path)
    assert "cube-debug/settings.json" in parts
    assert (
        b"left out: tasks.json: no manager answers at 127.0.0.1:1"
        in parts["cube-debug/CONTENTS.txt"]
    )


def test_a_journal_that_cannot_be_read_is_told_in_words(
    cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journalctl"
    journal.write_text(
        "#!/bin/sh\necho 'No journal files were found.' >&2\necho more >&2\nexit 1\n"
    )
    journal.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(journal))

    result = cube("debug", "-o", str(tmp_path / "b.tgz"))

    assert result.err.splitlines()[-1] == (
        "left out: journal.log: this machine's journal cannot be read (No journal files were found);"
        " add the log of the manager by hand"
    )


def test_a_file_that_cannot_be_written_is_told(cube: Cube, tmp_path: Path) -> None:
    result = cube("debug", "-o", str(tmp_path / "no" / "b.tgz"))

    assert result.code == 1
    assert "b.tgz" in result.err
    assert ManagerAway.exit_code != 1
