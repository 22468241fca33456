"""A lab leaves nothing behind, also when whoever made it was killed in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import record as records
from tests.lab.surroundings import ROOT
from tests.scenarios.processes import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.lab]

MAKE = "import sys; from tests.lab.lab import Lab; Lab.up(sys.argv[1], 1, owned=True)"


@pytest.mark.parametrize("instant", ["manager", "engine 1"])
def test_a_lab_of_a_killed_owner_is_taken_away_whole(instant: str) -> None:
    tag = f"k{os.getpid()}"
    owner = subprocess.Popen([sys.executable, "-c", MAKE, tag], cwd=ROOT)
    try:
        started = eventually(
            lambda: _processes(tag), lambda found: instant in found or owner.poll() is not None, 30
        )
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait(10)
    assert instant in started

    (left,) = [record for record in records.abandoned() if record.tag == tag]
    left.erase()

    assert [name for name, process in left.processes.items() if process.alive] == []
    assert not left.run.exists()
    assert not left.data.exists()
    assert not Path("/sys/fs/cgroup", left.cgroups[0]).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{left.cgroups[0]}"))
    assert not [path for path in Path("/run/netns").glob("*") if path.name in left.namespaces]
    assert tag not in Path("/proc/mounts").read_text()


def _processes(tag: str) -> list[str]:
    try:
        return list(records.read(tag).processes)
    except LookupError:
        return []
