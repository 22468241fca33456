"""The lab: a manager and some hosts, each a machine of its own in namespaces of this one.

Everything is recorded before it is made (tests/lab/record.py), and taken away by the record alone.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cube.client.manager import ManagerClient
from cube.client.transport import Address
from cube.model.node import Condition
from tests.lab import record as records
from tests.lab.host import Host, images, namespace
from tests.lab.marks import mark, start
from tests.lab.record import Record
from tests.lab.shell import run
from tests.lab.surroundings import MANAGER_PORT, TUNNEL_PORT, environment
from tests.lab.wire import add_namespace, inside, make_router
from tests.scenarios.processes import eventually

TOOLS = ("ip", "iptables", "nsenter", "unshare", "docker", "dockerd")
IMAGES = ("busybox:latest", "cube-examples/web:1")


class Lab:
    """A lab that is up. Use `up` or `attach` to get one."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.hosts = {f"h{number}": Host(record, number) for number in range(1, record.hosts + 1)}
        self.client = ManagerClient(Address("127.0.0.1", record.port))

    @classmethod
    def up(
        cls,
        tag: str,
        hosts: int,
        *,
        owned: bool = False,
        live_restore: bool = True,
        certificate_seconds: float = 0.0,
    ) -> Lab:
        """Make a lab and return when all its nodes are ready.

        With `certificate_seconds` the hosts join by TLS over their wires, with certificates that live so long; else
        each has a tunnel to the manager's loopback address.
        Takes labs of dead owners away first. An owned one may be taken away once this process is dead.
        """
        check_tools()
        for left in list(records.abandoned()):
            left.erase()
        names = [f"cube-{tag}-m", *(namespace(tag, number) for number in range(1, hosts + 1))]
        record = Record(
            tag=tag,
            owner=mark(os.getpid()) if owned else None,
            live_restore=live_restore,
            certificate_seconds=certificate_seconds,
            hosts=hosts,
            namespaces=names,
            cgroups=[f"cube-{tag}"],
        )
        if record.run.exists():
            raise FileExistsError(f"there is a lab {tag} already; scripts/lab down removes it")
        record.save()
        lab = cls(record)
        try:
            lab._build()
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def attach(cls, tag: str) -> Lab:
        """Return a lab that is up already. LookupError when there is none."""
        return cls(records.read(tag))

    def down(self) -> None:
        """Take everything away."""
        self.client.__exit__()
        self._record.erase()

    def host(self, name: str) -> Host:
        """One host, as `h2` or `2`. LookupError when there is none."""
        key = name if name.startswith("h") else f"h{name}"
        if key not in self.hosts:
            raise LookupError(f"there is no host {name}; there are {', '.join(self.hosts)}")
        return self.hosts[key]

    @property
    def port(self) -> int:
        """Where the manager is reached from outside, on 127.0.0.1."""
        return self._record.port

    # The manager

    def start_manager(self) -> None:
        """Start the manager and wait until it serves. Nothing if it runs."""
        if self._alive("manager"):
            return
        self._launch(
            "manager", sys.executable, "-m", "cube", "manager", "start",
            "--port", str(MANAGER_PORT), "--data", str(self._record.data / "manager"),
            *self._reached(),
        )  # fmt: skip
        eventually(self.client.version, lambda _: True, 20)

    def _reached(self) -> tuple[str, ...]:
        """What a manager is told that hosts reach by TLS: the address of its end of each of their wires."""
        if not self._record.certificate_seconds:
            return ()
        names = [host.manager_address for host in self.hosts.values()]
        advertised = [word for name in names for word in ("--advertise", name)]
        life = f"--certificate-life={self._record.certificate_seconds:g}"
        return ("--host", "0.0.0.0", *advertised, life)

    def kill_manager(self) -> None:
        """kill -9."""
        self._record.processes["manager"].kill()

    def manager_log(self) -> str:
        """What the managers wrote, in all their lives."""
        return (self._record.run / "manager.log").read_text()

    # All of it

    def boot(self, hosts: Sequence[Host]) -> None:
        """Start these hosts side by side; return when they are heard and ready."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(hosts) or 1) as pool:
            list(pool.map(Host.start, hosts))
        wanted = {host.name for host in hosts}
        # Not merely ready: one that crashed a moment ago still counts as that.
        eventually(lambda: self.ready_since(began), lambda ready: wanted <= set(ready), 30)

    def restore(self) -> None:
        """Undo whatever was done to it: wires, engines, workers, manager and hosts are as in the beginning."""
        self.start_manager()
        for host in self.hosts.values():
            if host.up:
                host.heal()
                host.continue_engine()
                host.continue_worker()
                host.start_engine()
                host.start_worker()
        self.boot(list(self.hosts.values()))

    def ready_since(self, began: float) -> list[str]:
        """The names of the nodes that are ready, with an engine that answers, and were heard after that time."""
        return [
            node.name
            for node in self.client.nodes()
            if node.connected and node.condition is Condition.READY and not node.runtime_error
            and node.heard_ms_ago is not None
            and time.monotonic() - node.heard_ms_ago / 1000 > began
        ]  # fmt: skip

    def status(self) -> list[str]:
        """One line for each machine, for people."""
        manager = "up" if self._alive("manager") else "DOWN"
        lines = [f"manager {manager:<5} 127.0.0.1:{self.port}"]
        for host in self.hosts.values():
            state = "up" if host.up else "DOWN"
            engine = "answers" if host.engine_answers() else "silent"
            lines.append(f"{host.name:<7} {state:<5} engine {engine}, unix://{host.socket}")
        return lines

    def _build(self) -> None:
        record = self._record
        record.data.mkdir(parents=True)
        run("docker", "save", "--output", str(images(record)), *IMAGES)
        manager = record.namespaces[0]
        add_namespace(manager)
        make_router(manager)
        self._open_doors()
        self.start_manager()
        if record.certificate_seconds:
            made = self.client.make_join_token(ttl=3600, uses=record.hosts)
            record.token.write_text(made.token)
        self.boot(list(self.hosts.values()))

    def _open_doors(self) -> None:
        """Let the hosts' tunnels, and this machine, reach the manager's loopback."""
        to = f"127.0.0.1:{MANAGER_PORT}"
        forward = (sys.executable, "-m", "tests.lab.forward")
        if not self._record.certificate_seconds:
            self._launch("tunnels", *forward, f"0.0.0.0:{TUNNEL_PORT}", to)
        with socket.create_server(("127.0.0.1", 0)) as door:
            # Bound out here and handed in: that process listens here and dials in there.
            door.set_inheritable(True)
            self._record.port = door.getsockname()[1]
            self._launch("door", *forward, f"fd:{door.fileno()}", to)
        self.client = ManagerClient(Address("127.0.0.1", self._record.port))

    def _launch(self, role: str, *command: str) -> None:
        """Start a process in the manager's namespace, and record it."""
        self._record.processes[role] = start(
            [*inside(self._record.namespaces[0]), *command],
            log=self._record.run / f"{role}.log",
            environment=environment(),
        )
        self._record.save()

    def _alive(self, role: str) -> bool:
        process = self._record.processes.get(role)
        return process is not None and process.alive


def check_tools() -> None:
    """Say at once what is missing. PermissionError, FileNotFoundError."""
    if os.geteuid():
        raise PermissionError("the lab makes network namespaces and engines: run it as root")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise FileNotFoundError(f"the lab needs {', '.join(missing)}; scripts/lab installs them")
