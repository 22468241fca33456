"""The fault matrix is complete, and every test and simulated fault that it names exists."""

from __future__ import annotations

import ast
import re

from tests.house.checkout import ROOT, parsed
from tests.simulation.faults import Fault

MATRIX = (ROOT / "docs" / "reference" / "fault-matrix.md").read_text()
ROWS = 51
ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_of(file: str) -> set[str]:
    """The tests of a file, those inside classes too; none where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return set()
    found = (node for node in ast.walk(parsed(path)))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_is_there_once_and_in_order() -> None:
    shown, _, left_out = MATRIX.partition("## Left out")
    rows = [int(number) for number, _ in ROW.findall(shown)]
    without = [int(number) for number, _ in ROW.findall(left_out)]

    assert rows == sorted(rows)
    assert sorted(rows + without) == list(range(1, ROWS + 1))


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(MATRIX)

    assert [f"{file}::{name}" for file, name in named if name not in functions_of(file)] == []


def test_every_simulated_fault_that_is_named_exists() -> None:
    named = set(re.findall(r"`S:([A-Z_]+)`", MATRIX))

    assert named - set(Fault.__members__) == set()


def test_every_row_names_what_shows_it_and_of_which_kind() -> None:
    shown = MATRIX.partition("## Left out")[0]
    simulated_files = ("tests/core/", "tests/properties/", "tests/simulation/")
    wrong = []
    for number, row in ROW.findall(shown):
        fault, promise, proof, kind = (cell.strip() for cell in row.split(" | "))
        files = [file for file, _ in TEST.findall(proof)]
        real = any(not file.startswith(simulated_files) for file in files)
        if not (fault and promise and files) or (kind == "simulated") is real:
            wrong.append(f"{number}: {kind}")

    assert wrong == []
