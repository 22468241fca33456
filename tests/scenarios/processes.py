"""A manager and workers as processes of their own on the real engine, to be killed as a crash would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.errors import CubeError

Seen = TypeVar("Seen")

# It obeys SIGTERM at once: as process 1 a bare `sleep` would wait for the kill.
SERVE = ("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait")


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
    """One manager and some workers. Ends what it started, and removes the containers they made.

    `environment` is added to that of every process it starts.
    """

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._outputs = 0
        self.client = ManagerClient(Address("127.0.0.1", self.port))
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("CUBE_")},
            "XDG_CONFIG_HOME": str(home / "config"),
            "CUBE_MANAGER_HOST": "127.0.0.1",
            "CUBE_MANAGER_PORT": str(self.port),
            **(environment or {}),
        }

    def start_manager(self) -> None:
        """Start the manager and wait until it serves."""
        self._start("manager", "manager", "start", "--data", str(self.home / "manager"))
        eventually(self.client.version, lambda _: True, 15)

    def start_worker(
        self, name: str, *flags: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a worker; it joins by itself."""
        own_port = () if environment and "CUBE_WORKER_PORT" in environment else ("--port", "0")
        self._start(
            name, "worker", "start", "--name", name, "--data", str(self.home / name),
            *own_port, *flags, environment=environment,
        )  # fmt: skip

    def start_patient_manager(self) -> None:
        """Start a manager that gives no worker up while it restarts, however busy the machine is."""
        manager = ("--port", str(self.port), "--data", str(self.home / "manager"))
        self._start("manager", *manager, module="tests.scenarios.patient_manager")
        eventually(self.client.version, lambda _: True, 15)

    def start_ready(self, *names: str) -> None:
        """Start a manager, unless one runs, and these workers, and wait until they are ready."""
        if "manager" not in self.processes:
            self.start_manager()
        for name in names:
            self.start_worker(name)
        eventually(self.nodes_ready, lambda ready: ready == sorted(names), 15)

    def _start(
        self,
        key: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        module: str = "cube",
    ) -> None:
        with (self.home / f"{key}.log").open("ab") as log:
            self.processes[key] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**self._environment, **(environment or {})},
                stdout=log,
                stderr=log,
            )

    def kill(self, key: str) -> None:
        """kill -9."""
        process = self.processes.pop(key)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def freeze(self, key: str) -> None:
        """SIGSTOP: it stands still, and its connections stay open."""
        self.processes[key].send_signal(signal.SIGSTOP)

    def thaw(self, key: str) -> None:
        """Let it go on, as if no time had passed."""
        self.processes[key].send_signal(signal.SIGCONT)

    def stop(self, key: str) -> int:
        """SIGTERM, as a service manager would; return the exit code."""
        process = self.processes.pop(key)
        process.terminate()
        return process.wait(15)

    def end(self) -> None:
        """Stop every task, then every process. AssertionError when a container is left; it is removed all the same."""
        client = self.client
        try:
            if "manager" in self.processes:
                for task in client.tasks():
                    client.stop(task.id)
                eventually(self.containers, lambda left: not left, 60)
        finally:
            client.__exit__()
            for process in self.processes.values():
                process.terminate()
            for process in self.processes.values():
                process.wait(15)
            if left := self.containers():
                docker("rm", "-f", *left)

    def nodes_ready(self) -> list[str]:
        """The names of the nodes that are connected and ready."""
        return sorted(
            node.name
            for node in self.client.nodes()
            if node.connected and node.condition.value == "ready" and not node.runtime_error
        )

    def cube(
        self,
        *arguments: str,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command as a user would, in a pipe."""
        return subprocess.run(
            [sys.executable, "-m", "cube", *arguments],
            env={**self._environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def shell(self, words: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Run this in bash, where `python -m cube` finds this cluster."""
        return subprocess.run(
            ["bash", "-c", words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def following(self, *arguments: str) -> Output:
        """Start a command that goes on by itself; enter it."""
        self._outputs += 1
        command = [sys.executable, "-m", "cube", *arguments]
        return Output(command, self._environment, self.home / f"output-{self._outputs}")

    def curl(self, *arguments: str) -> Answer:
        """Run plain curl; the last argument is a path of the manager's API."""
        *flags, path = arguments
        return curl(*flags, f"http://127.0.0.1:{self.port}{path}")

    def containers(self, task: str = "") -> dict[str, dict[str, Any]]:
        """Every container of this cluster on the engine, by container id, as `docker inspect` shows it.

        With `task` only those of the task of that name.
        """
        nodes = [json.loads(path.read_text())["node_id"] for path in self.home.glob("*/node.json")]
        of_task = ("--filter", f"label=cube.task.name={task}") if task else ()
        found: dict[str, dict[str, Any]] = {}
        for node in nodes:
            ids = docker(
                "ps", "-aq", "--no-trunc", "--filter", f"label=cube.node={node}", *of_task
            ).split()
            if ids:  # some may be gone by now: docker shows the others
                found |= {one["Id"]: one for one in json.loads(docker("inspect", *ids))}
        return found


class Output:
    """A running command of which every line can be read as soon as it is printed. Ended with the block."""

    def __init__(
        self, command: list[str], environment: Mapping[str, str] | None, file: Path
    ) -> None:
        self._file = file
        with file.open("wb") as out, file.with_suffix(".err").open("wb") as err:
            self._process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def lines(self) -> list[str]:
        """Every whole line until now."""
        return self._file.read_text().split("\n")[:-1]

    def complaints(self) -> str:
        """What it wrote to stderr until now."""
        return self._file.with_suffix(".err").read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._process.wait(seconds)


class Answer(NamedTuple):
    """What an HTTP server answered: the status and the body."""

    status: int
    body: str

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def curl(*arguments: str) -> Answer:
    """Run curl as people do. Status 0: nobody answered."""
    done = subprocess.run(
        ["curl", "-s", "--max-time", "10", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return Answer(int(status), body)


def docker(*arguments: str, engine: str = "") -> str:
    """Run docker and return what it prints, whether or not it found everything that was asked for."""
    host = ("-H", engine) if engine else ()
    return subprocess.run(
        ["docker", *host, *arguments], capture_output=True, text=True, timeout=60, check=False
    ).stdout


@contextmanager
def ready_cluster(
    home: Path, *workers: str, environment: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A manager and these workers, ready; everything they made is gone afterwards."""
    cluster = Cluster(home, environment)
    try:
        cluster.start_ready(*workers)
        yield cluster
    finally:
        cluster.end()
