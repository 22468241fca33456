"""Freezing a container behind its engine's back: nothing can end it, as if it waited for a disk that is gone."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.processes import docker, eventually


@contextmanager
def frozen(container_id: str) -> Iterator[None]:
    """Keep the processes of a container from running, even to their death, until the block is left.

    They are moved to a freezer of their own: the engine thaws the one it made before it kills.
    """
    first = json.loads(docker("inspect", container_id))[0]["State"]["Pid"]
    mount = Path(tempfile.mkdtemp(prefix="cube-freezer-"))
    # A mount of its own: machines with the second version of cgroups have none, and may have one.
    subprocess.run(["mount", "-t", "cgroup", "-o", "freezer", "freezer", str(mount)], check=True)
    ice = mount / mount.name
    try:
        ice.mkdir()
        for pid in _family(first):
            (ice / "cgroup.procs").write_text(str(pid))
        state = ice / "freezer.state"
        state.write_text("FROZEN")
        eventually(state.read_text, lambda text: text.strip() == "FROZEN", 5)
        try:
            yield
        finally:
            state.write_text("THAWED")
            eventually((ice / "cgroup.procs").read_text, lambda left: not left, 10)
    finally:
        if ice.exists():
            ice.rmdir()
        subprocess.run(["umount", str(mount)], check=True)
        mount.rmdir()


def _family(pid: int) -> list[int]:
    """A process and all that came from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]
