"""One host of the lab: an engine, a worker and a tunnel to the manager, that live and die together.

They share a process namespace, so that killing its first process is the crash of the whole host: engine, containers
and worker at once. Images, layers and the worker's identity are in the host's data folder and outlive that.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.lab.marks import Mark, start
from tests.lab.record import Record
from tests.lab.surroundings import MANAGER_PORT, ROOT, TUNNEL_PORT, environment
from tests.lab.wire import Direction, Wire, inside
from tests.scenarios.processes import docker

ENGINE_SECONDS = 60.0
ROLES = ("tunnel", "engine", "worker")

# A boot finds no sockets of the shims of the former life.
BOOT = 'mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && exec "$@"'


class Host:
    """Host `number` of a lab; its worker is named `h<number>`. What it starts it records."""

    def __init__(self, record: Record, number: int) -> None:
        self.number = number
        self.name = f"h{number}"
        self._record = record
        self._run = record.run / str(number)
        self._data = record.data / str(number)
        self._namespace = namespace(record.tag, number)
        self._wire = Wire(record.namespaces[0], self._namespace, number)

    @property
    def socket(self) -> Path:
        """Where its engine listens; reachable from the machine whatever happened to its network."""
        return self._run / "docker.sock"

    @property
    def address(self) -> str:
        """Its address on the lab's network."""
        return self._wire.host_address

    @property
    def manager_address(self) -> str:
        """The manager's address at the other end of its wire."""
        return self._wire.manager_address

    @property
    def up(self) -> bool:
        """Whether the machine runs, with or without engine and worker."""
        return self._alive("init")

    def process(self, role: str) -> Mark:
        """Its `init`, `engine`, `worker` or `tunnel`. LookupError when it has none."""
        try:
            return self._record.processes[f"{role} {self.number}"]
        except KeyError:
            raise LookupError(f"{self.name} has no {role}") from None

    # Power

    def start(self) -> None:
        """Boot it: return when its engine answers and its worker is on its way. Nothing if it runs."""
        if self.up:
            return
        self._wire.tear_out()
        self._wire.lay()
        for folder in (self._run, self._data / "worker"):
            folder.mkdir(parents=True, exist_ok=True)
        ready = self._run / "ready"
        ready.unlink(missing_ok=True)
        outer = start(
            [*inside(self._namespace), "unshare", "--mount", "--propagation=private", "--pid",
             "--fork", "--mount-proc", "--kill-child=KILL", "--",
             "sh", "-c", BOOT, "boot", sys.executable, str(ROOT / "tests/lab/init.py"), str(ready)],
            log=self._run / "init.log",
            environment=environment(),
        )  # fmt: skip
        self._keep("init", outer.child())
        _wait_until(ready.exists, 10, "its first process did not start")
        if not self._record.certificate_seconds:
            self._launch("tunnel", sys.executable, "-m", "tests.lab.forward",
                         f"127.0.0.1:{MANAGER_PORT}", f"{self._wire.manager_address}:{TUNNEL_PORT}")  # fmt: skip
        self.start_engine()
        self.start_worker()

    def crash(self) -> float:
        """Cut it off and kill all that runs there, as a power cut does. Return the wall time of the blow."""
        self.cut()  # first: a dead machine says no farewell on its connections
        at = time.time()
        init = self.process("init")
        init.signal(signal.SIGKILL)
        for role in ROLES:
            self._resume_outer(role)
        init.wait()
        self._wire.tear_out()
        shutil.rmtree(self._run / "exec", ignore_errors=True)  # in memory on a real machine
        return at

    # Network

    def cut(self, direction: Direction = Direction.BOTH) -> None:
        """Lose every packet of that direction."""
        self._wire.lose(100, direction)

    def lose(self, percent: float, direction: Direction = Direction.BOTH) -> None:
        """Lose some of the packets."""
        self._wire.lose(percent, direction)

    def heal(self) -> None:
        """Let every packet through again."""
        self._wire.heal()

    # Engine

    def start_engine(self) -> None:
        """Start the engine, and return when it answers and has the images. Nothing if it runs."""
        if self._alive("engine"):
            return
        for stale in ("docker.pid", "docker.sock", "exec/containerd/containerd.pid"):
            (self._run / stale).unlink(
                missing_ok=True
            )  # the number may by now be another process's
        live_restore = ("--live-restore",) if self._record.live_restore else ()
        self._launch(
            "engine",
            "dockerd",
            f"--data-root={self._data / 'engine'}",
            f"--exec-root={self._run / 'exec'}",
            f"--pidfile={self._run / 'docker.pid'}",
            f"--host=unix://{self.socket}",
            f"--cgroup-parent=/{self._record.cgroups[0]}/{self.number}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            *live_restore,
        )
        _wait_until(self.engine_answers, ENGINE_SECONDS, f"no engine; see {self._run}/engine.log")
        self._load_images()

    def engine_answers(self) -> bool:
        """Whether the engine answers a ping within a second."""
        try:
            return self._ask("GET", "/_ping", seconds=1)[0] == 200
        except (OSError, ValueError):
            return False

    def kill_container(self, container_id: str) -> float:
        """SIGKILL a container by its engine. Return the wall time of the blow, without the start of a command."""
        at = time.time()
        self._ask("POST", f"/containers/{container_id}/kill")
        return at

    def start_container(self, image: str, command: Sequence[str]) -> str:
        """Make and start a container of nobody's by the engine alone; return its id."""
        wish = json.dumps({"Image": image, "Cmd": list(command)})
        made = self._ask("POST", "/containers/create", wish)[1]
        id: str = json.loads(made)["Id"]
        self._ask("POST", f"/containers/{id}/start")
        return id

    def _ask(
        self, method: str, path: str, body: str = "", *, seconds: float = ENGINE_SECONDS
    ) -> tuple[int, bytes]:
        """Ask the engine one question; return status and body."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            line.connect(str(self.socket))
            head = f"{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            line.sendall(f"{head}\r\n\r\n{body}".encode())
            answer = line.makefile("rb").read()
        status, _, rest = answer.partition(b"\r\n\r\n")
        return int(status.split()[1] if status else 0), rest

    def kill_engine(self) -> None:
        """kill -9 of the engine; its containers live on."""
        engine = self.process("engine")
        containerd = engine.child()
        self._kill("engine")
        containerd.wait()  # it dies with the engine; another engine must not find it half alive

    def hang_engine(self) -> None:
        """Let the engine take connections and answer none."""
        self.process("engine").signal(signal.SIGSTOP)

    def continue_engine(self) -> None:
        """Let it answer again."""
        self._resume_outer("engine")

    def restart_engine(self) -> None:
        """Stop the engine in an orderly way and start it again."""
        engine = self.process("engine")
        engine.signal(signal.SIGTERM)
        engine.wait()
        self.start_engine()

    # Worker

    def start_worker(self) -> None:
        """Start the worker; it joins by itself. Nothing if it runs."""
        if not self._alive("worker"):
            self._launch(
                "worker", sys.executable, "-m", "cube", "worker", "start", "--name", self.name,
                "--data", str(self._data / "worker"), "--port", "0", "--docker", f"unix://{self.socket}",
                *self._joining(),
            )  # fmt: skip

    def _joining(self) -> tuple[str, ...]:
        """How a worker is told to join, each time it starts, where hosts join by TLS."""
        if not self._record.certificate_seconds:
            return ()
        address = f"{self._wire.manager_address}:{MANAGER_PORT}"
        return ("--join", address, "--token", self._record.token.read_text())

    def kill_worker(self) -> None:
        """kill -9 of the worker; engine and containers live on."""
        self._kill("worker")

    def hang_worker(self) -> None:
        """Let the worker stand still."""
        self.process("worker").signal(signal.SIGSTOP)

    def continue_worker(self) -> None:
        """Let it go on, as if no time had passed."""
        self._resume_outer("worker")

    # What is there

    def docker(self, *arguments: str) -> str:
        """Run docker on its engine and return what it prints, whether or not it found all that was asked for."""
        return docker(*arguments, engine=f"unix://{self.socket}")

    def containers(self) -> list[dict[str, Any]]:
        """Every container that a cube made there, as `docker inspect` shows it; none where no engine answers."""
        if not (self.up and self._alive("engine")):
            return []
        ids = self.docker("ps", "-aq", "--no-trunc", "--filter", "label=cube.task").split()
        return json.loads(self.docker("inspect", *ids)) if ids else []

    def worker_log(self) -> str:
        """What its workers wrote, in all their lives."""
        return (self._run / "worker.log").read_text()

    def _launch(self, role: str, *command: str) -> None:
        """Start a process on the host, and record it."""
        init = self.process("init")
        outer = start(
            ["nsenter", f"--target={init.pid}", "--net", "--mount", "--pid", "--", *command],
            log=self._run / f"{role}.log",
            environment=environment(),
        )
        self._keep(role, outer.child())

    def _kill(self, role: str) -> None:
        process = self.process(role)
        process.signal(signal.SIGKILL)
        self._resume_outer(role)
        process.wait()

    def _resume_outer(self, role: str) -> None:
        """Let a process go on, by way of the nsenter that waits for it.

        That one stops when its child does, and until it goes on it neither wakes nor buries it.
        """
        process = self._record.processes.get(f"{role} {self.number}")
        if process is not None and (outer := process.parent) is not None:
            outer.signal(signal.SIGCONT)

    def _keep(self, role: str, process: Mark) -> None:
        self._record.processes[f"{role} {self.number}"] = process
        self._record.save()

    def _alive(self, role: str) -> bool:
        process = self._record.processes.get(f"{role} {self.number}")
        return process is not None and process.alive

    def _load_images(self) -> None:
        if not self.docker("images", "--quiet", "busybox:latest"):
            self.docker("load", "--quiet", "--input", str(images(self._record)))


def namespace(tag: str, number: int) -> str:
    """Return the name of a host's network namespace."""
    return f"cube-{tag}-{number}"


def images(record: Record) -> Path:
    """Where the images of a lab's engines are kept."""
    return record.data / "images.tar"


def _wait_until(true: Callable[[], bool], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(complaint)
        time.sleep(0.02)
