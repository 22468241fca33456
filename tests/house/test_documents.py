"""What is written for people is true: links lead somewhere, commands exist, example files are accepted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cube.wire import taskfile
from tests.docs.page import read_page
from tests.house.checkout import DOCUMENTS, EXAMPLES, PAGES, ROOT, name_of

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#[^)\s]*)?\)")
SCRIPT = re.compile(r"(?<![\w/.-])scripts/([a-z]+)\b")

# What tests/docs leaves out, all of it: few, and each with what else there is to show that it works.
NOT_RUN = {
    "README.md": ["the demonstration and the whole test; the second would run itself"],
    "docs/how-to/get-into-a-container.md": [
        "takes a terminal and somebody who types; sessions are tested on one"
    ],
    "docs/how-to/monitor-a-cluster.md": [
        "reloads the service of HAProxy; the answer is tested with a real HAProxy"
    ],
    "docs/how-to/see-what-runs.md": [
        "is a screen; its rows and keys are tested on a terminal of their own"
    ],
    "docs/how-to/pull-private-images.md": ["asks a cloud"],
    "docs/how-to/add-machines.md": [
        *2 * ["takes two machines and an address between them"],
        "join tokens need a manager that listens for other machines",
        "takes an address of its own",
        "takes a second machine",
    ],
    "docs/tutorial/three-machines.md": 6 * ["takes three machines and an address between them"],
}


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
    steps = (step for block in read_page(text).blocks for step in block.steps)
    for words in (step.command.split() for step in steps):
        if words[:1] not in (["cube"], [".venv/bin/cube"]):
            continue
        verbs = words[1:3] if words[1:2] in GROUPS else words[1:2]
        if verbs and not verbs[0].startswith("-"):
            found.add(tuple(word for word in verbs if not word.startswith("-")))
    return found


GROUPS = (["node"], ["manager"], ["worker"], ["context"], ["token"], ["secret"], ["registry"])


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


def test_the_blocks_that_no_test_runs_are_those_listed_here() -> None:
    reasons = {
        name_of(path): [block.not_run for block in read_page(path.read_text()).blocks]
        for path in PAGES
    }

    assert {
        name: left for name, all_ in reasons.items() if (left := [*filter(None, all_)])
    } == NOT_RUN


def test_every_page_is_in_the_index_of_the_documents() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in LINK.findall(index.read_text())}
    pages = {path for path in DOCUMENTS if path.is_relative_to(index.parent) and path != index}
    missing = [name_of(path) for path in pages - linked if path.parent not in linked]

    assert sorted(missing) == []
