"""The table of attacks is complete, and every test that it names exists."""

from __future__ import annotations

import ast
import re

from tests.house.checkout import ROOT, parsed

TABLE = (ROOT / "docs" / "explanation" / "security.md").read_text()
ATTACKS = 36
ROW = re.compile(r"^\| A(\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_of(file: str) -> set[str]:
    """The tests of a file; none where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(parsed(path)) if isinstance(node, functions)}


def test_every_attack_is_there_once() -> None:
    assert sorted(int(number) for number, _ in ROW.findall(TABLE)) == list(range(1, ATTACKS + 1))


def test_every_test_that_is_named_exists_and_carries_the_number() -> None:
    made = TABLE.partition("## Not attacked yet")[0]
    wrong = [
        f"A{number}: {file}::{name}"
        for number, row in ROW.findall(made)
        for file, name in TEST.findall(row) or [("", "")]
        if name not in functions_of(file) or not name.startswith(f"test_a{number}_")
    ]
    assert wrong == []
