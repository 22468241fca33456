"""The files of the checkout that the rules of the house are about."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "cube").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "bench")
EXAMPLES = sorted(path for path in (ROOT / "task-examples").iterdir() if path.suffix != ".md")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "task-examples").glob("*.md")]
)
# Those whose commands are run: tests/docs.
PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs/tutorial").glob("*.md"),
        *(ROOT / "docs/how-to").glob("*.md"),
    ]
)


def name_of(path: Path) -> str:
    """Return the path as people write it."""
    return str(path.relative_to(ROOT))


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the file as a syntax tree."""
    return ast.parse(path.read_text())


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files git knows or would take; those of the known folders where there is no git."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        folders = ("cube", "tests", "docs", "scripts", "task-examples")
        found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        return tuple(path for path in found if path.is_file() and "__pycache__" not in path.parts)
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())
