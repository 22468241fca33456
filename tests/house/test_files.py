"""The sizes, names and contents that every tracked file keeps to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.checkout import MODULES, ROOT, name_of, parsed, tracked_files

LONGEST_FILE = 350
LONGEST_FUNCTION = 60
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "misc", "base"}

# Words that stand for work not done, and places that exist on one machine only. Put together here, so that this
# file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
ONE_MACHINE = re.compile(r"/(?:wo" + r"rk|ho" + r"me|Us" + r"ers)/\w|/tmp/ve" + "nv")


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_definitions(path: Path) -> list[Definition]:
    """The public classes and functions of a module, with the public methods of those classes."""

    def public_in(body: list[ast.stmt]) -> list[Definition]:
        found = [node for node in body if isinstance(node, Definition)]
        return [node for node in found if not node.name.startswith("_") and not is_overload(node)]

    top = public_in(parsed(path).body)
    methods = [
        method for node in top if isinstance(node, ast.ClassDef) for method in public_in(node.body)
    ]
    return top + methods


def is_overload(node: Definition) -> bool:
    """Whether it only types a variant of the function that follows, or overrides a documented one."""
    named = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(named & {"overload", "override", "setter"})


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_every_module_is_named_for_what_it_holds() -> None:
    parts = {part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts}

    assert parts & NAMES_THAT_SAY_NOTHING == set()


def test_every_module_class_and_public_function_states_its_promise() -> None:
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in public_definitions(path)
        if not ast.get_docstring(node)
    ]
    silent += [name_of(path) for path in MODULES if not ast.get_docstring(parsed(path))]

    assert silent == []


def test_every_module_postpones_its_annotations() -> None:
    missing = [
        name_of(path)
        for path in MODULES
        if any(isinstance(node, Definition) for node in parsed(path).body)
        and "from __future__ import annotations\n" not in path.read_text()
    ]

    assert missing == []


@pytest.mark.parametrize(
    ("pattern", "meaning"),
    [(UNFINISHED, "work not done"), (ONE_MACHINE, "a place on one machine")],
    ids=["unfinished", "one-machine"],
)
def test_no_tracked_file_speaks_of(pattern: re.Pattern[str], meaning: str) -> None:
    found = [
        f"{name_of(path)}:{number}: {meaning}: {line.strip()[:80]}"
        for path in tracked_files()
        if path.name != "STYLE.md"  # states the rule, and so names what it forbids
        and path.suffix != ".png"  # holds any bytes, these words among them
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []
