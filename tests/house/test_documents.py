"""What is written for people is true: links lead somewhere, commands exist, example files are accepted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cube.wire import taskfile
from tests.house.checkout import DOCUMENTS, EXAMPLES, ROOT, name_of

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#[^)\s]*)?\)")
CODE_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SCRIPT = re.compile(r"(?<![\w/.-])scripts/([a-z]+)\b")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files(document: Path) -> None:
    targets = [target for target in LINK.findall(document.read_text()) if target]

    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_scripts_that_are_named_exist(document: Path) -> None:
    named = set(SCRIPT.findall(document.read_text()))

    assert [name for name in named if not (ROOT / "scripts" / name).is_file()] == []


def commands_in(text: str) -> set[tuple[str, ...]]:
    """The cube commands that a document's code blocks run: `("node", "drain")`, `("run",)`."""
    found: set[tuple[str, ...]] = set()
    for block in CODE_BLOCK.findall(text):
        for line in block.splitlines():
            words = line.removeprefix("$ ").split()
            if words[:1] not in (["cube"], [".venv/bin/cube"]):
                continue
            verbs = words[1:3] if words[1:2] in GROUPS else words[1:2]
            if verbs and not verbs[0].startswith("-"):
                found.add(tuple(word for word in verbs if not word.startswith("-")))
    return found


GROUPS = (["node"], ["manager"], ["worker"], ["context"], ["token"])


def documented_commands() -> list[tuple[str, ...]]:
    """Every command that any document shows."""
    return sorted(set().union(*(commands_in(path.read_text()) for path in DOCUMENTS)))


@pytest.mark.parametrize("command", [(), *documented_commands()], ids=" ".join)
def test_documented_commands_exist(command: tuple[str, ...]) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "cube", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert "Usage" in answer.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_example_task_files_are_accepted(example: Path) -> None:
    documents = taskfile.load_file(example.name, example.read_bytes())

    assert [taskfile.decode_task(document).spec.image for document in documents]


def test_there_are_example_task_files() -> None:
    assert EXAMPLES
