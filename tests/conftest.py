"""What every test can rely on: no settings of the developer's shell, and an engine where a test asks for one."""

from __future__ import annotations

import functools
import os
import subprocess

import pytest
from hypothesis import settings

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
