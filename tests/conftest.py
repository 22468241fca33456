"""What every test can rely on: no settings of the developer's shell, and an engine where a test asks for one.

The whole run is spread over several processes (scripts/test). A file stays in one of them, so that what it makes for
all its tests is made once; what takes the machine for itself shares one, and takes turns.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# A busy machine makes one example slow, not the code wrong; the examples of a failure are printed to be replayed.
settings.register_profile("cube", deadline=None, print_blob=True)
settings.load_profile("cube")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in list(os.environ):
        if name.startswith("CUBE_"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))


@functools.cache
def _why_no_engine() -> str:
    """Return why no Docker engine can be used, empty when one answers. Asked once per run."""
    try:
        answer = subprocess.run(
            ["docker", "info"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if answer.returncode == 0 else answer.stderr.strip()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail, never skip, a test that needs an engine where none answers."""
    if item.get_closest_marker("docker") and (reason := _why_no_engine()):
        pytest.fail(f"no Docker engine answers; run scripts/engine ({reason})", pytrace=False)


# In this order: the longest first, so that none is left for the end when the other processes have nothing to do.
_TAKE_TURNS = {
    "lab": "one machine has room for one lab of three engines",
    "simulation": "uses all cores by itself",
    "faults": "a manager under load, stopped at each of its writes",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the longest first. Inside a file the order stays."""
    items.sort(key=_rank)


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole files, of folders that take turns the whole folder, and each page that is run by itself."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = _folder(Path(file))
        if folder == "docs":
            return nodeid  # each test of a page makes all that it needs
        return folder if folder in _TAKE_TURNS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    """Say which tests stay together."""
    return _ByFile(config, log)


def _rank(item: pytest.Item) -> tuple[int, bool]:
    folder = _folder(item.path.relative_to(item.config.rootpath))
    turn = list(_TAKE_TURNS).index(folder) if folder in _TAKE_TURNS else len(_TAKE_TURNS)
    return turn, item.get_closest_marker("docker") is None


def _folder(file: Path) -> str:
    """`tests/lab/test_x.py` is of `lab`; what lies in `tests` itself is of none."""
    return file.parts[1] if len(file.parts) > 2 else ""
