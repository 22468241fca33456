"""A manager and workers as processes of their own on the real engine, to be killed as a crash would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.errors import CubeError

Seen = TypeVar("Seen")


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Seen], wanted: Callable[[Seen], bool], seconds: float) -> Seen:
    """Return what `look` sees once it is as wanted. AssertionError with the last thing seen after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        try:
            seen = look()
            if wanted(seen):
                return seen
            last: object = seen
        except CubeError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds} s: {last}")
        # A look at another process: there is nothing to be woken by.
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)


class Cluster:
    """One manager and some workers. Ends what it started, and removes the containers they made."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.client = ManagerClient(Address("127.0.0.1", self.port))

    def start_manager(self) -> None:
        """Start the manager and wait until it serves."""
        self._start(
            "manager",
            "manager",
            "start",
            "--port",
            str(self.port),
            "--data",
            str(self.home / "manager"),
        )
        eventually(self.client.version, lambda _: True, 15)

    def start_worker(self, name: str, *flags: str) -> None:
        """Start a worker; it joins by itself."""
        self._start(
            name, "worker", "start", "--name", name, "-m", f"127.0.0.1:{self.port}",
            "--port", "0", "--data", str(self.home / name), *flags,
        )  # fmt: skip

    def _start(self, key: str, *arguments: str) -> None:
        with (self.home / f"{key}.log").open("ab") as log:
            self.processes[key] = subprocess.Popen(
                [sys.executable, "-m", "cube", *arguments], stdout=log, stderr=log
            )

    def kill(self, key: str) -> None:
        """kill -9."""
        process = self.processes.pop(key)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def end(self) -> None:
        """Stop every task, then every process."""
        client = self.client
        try:
            for task in client.tasks():
                client.stop(task.id)
            eventually(self.containers, lambda left: not left, 60)
        finally:
            self.client.__exit__()
            for process in self.processes.values():
                process.terminate()
            for process in self.processes.values():
                process.wait(15)

    def nodes_ready(self) -> list[str]:
        """The names of the nodes that are connected and ready."""
        return sorted(
            node.name
            for node in self.client.nodes()
            if node.connected and node.condition.value == "ready" and not node.runtime_error
        )

    def cube(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the command as a user would, in a pipe."""
        return subprocess.run(
            [sys.executable, "-m", "cube", *arguments],
            env=os.environ
            | {"CUBE_MANAGER_HOST": "127.0.0.1", "CUBE_MANAGER_PORT": str(self.port)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def containers(self) -> dict[str, dict[str, Any]]:
        """Every container of this cluster on the engine, by container id, as `docker inspect` shows it."""
        identities = [
            json.loads(path.read_text())["node_id"] for path in self.home.glob("*/node.json")
        ]
        found: dict[str, dict[str, Any]] = {}
        for node in identities:
            ids = docker("ps", "-aq", "--no-trunc", "--filter", f"label=cube.node={node}").split()
            if ids:  # some may be gone by now: docker shows the others
                found |= {one["Id"]: one for one in json.loads(docker("inspect", *ids))}
        return found


def docker(*arguments: str) -> str:
    """Run docker and return what it prints, whether or not it found everything that was asked for."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=60, check=False
    ).stdout
