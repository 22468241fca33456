"""The pages of the reference that are made from the code: by scripts/reference, and held to it by test_reference.py."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from cube.cli.app import app
from cube.cli.options_page import options_page
from cube.wire.task_schema import task_schema
from tests.house.checkout import ROOT

REFERENCE = ROOT / "docs" / "reference"


def meanings() -> dict[str, str]:
    """What docs/reference/task-file.md says of each key, in plain text."""
    rows = re.findall(
        r"^\| ((?:`[a-z_]+`(?:, )?)+) \| (.*?) \|", (REFERENCE / "task-file.md").read_text(), re.M
    )
    return {
        key: meaning.removesuffix(", see below").replace("`", "")
        for keys, meaning in rows
        for key in re.findall(r"[a-z_]+", keys)
    }


def schema_text() -> str:
    """The schema of a task file as it is checked in."""
    return json.dumps(task_schema(meanings()), indent=1, ensure_ascii=False) + "\n"


def options_text() -> str:
    """The page of the options as it is checked in."""
    return options_page(app)


GENERATED: dict[Path, Callable[[], str]] = {
    REFERENCE / "options.md": options_text,
    REFERENCE / "task.schema.json": schema_text,
}
