"""Two machines, set up by the lines of the README and by nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import check_tools
from tests.lab.marks import mark
from tests.lab.record import Record, abandoned
from tests.lab.shell import run
from tests.lab.surroundings import ROOT
from tests.lab.wire import add_namespace, inside
from tests.scenarios.processes import docker, eventually
from tests.scenarios.pty_user import AtTerminal

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.lab]

README = (ROOT / "README.md").read_text()
MANAGER_LINE = re.compile(r"^cube manager start --host (\S+)$", re.MULTILINE)
WORKER_LINE = re.compile(r"^cube worker start --join .*$", re.MULTILINE)

# Each machine keeps its state where cube keeps it by itself.
OWN_STATE = 'mount --bind "$0" /var/lib/cube && exec bash -c "$1"'


class Machine:
    """A network and a /var/lib/cube of its own. The engine is this machine's."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir(parents=True)
        own = ("unshare", "--mount", "--propagation", "private", "bash", "-c", OWN_STATE)
        self._command = [*inside(namespace), *own, str(self.state)]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("CUBE_")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self._environment = kept | {"PATH": path, "XDG_CONFIG_HOME": str(folder / "config")}

    def at_terminal(self, line: str) -> AtTerminal:
        """Return somebody who has typed this there."""
        return AtTerminal([*self._command, line], self._environment)

    def does(self, line: str) -> str:
        """Return what this prints there. CalledProcessError when it fails."""
        return subprocess.run(
            [*self._command, line],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    """The manager's, with the README's address, and another one on the same network."""
    check_tools()
    for left in list(abandoned()):
        left.erase()
    tag = f"r{os.getpid()}"
    first, second = f"cube-{tag}-1", f"cube-{tag}-2"
    record = Record(tag=tag, owner=mark(os.getpid()), namespaces=[first, second])
    record.save()
    Path("/var/lib/cube").mkdir(parents=True, exist_ok=True)  # something to mount over
    try:
        address = manager_address()
        network = address.rpartition(".")[0]
        lay_cable((first, address), (second, f"{network}.99"))
        yield Machine(first, record.data / "1"), Machine(second, record.data / "2")
        remove_containers(record.data)
    finally:
        record.erase()


def manager_address() -> str:
    found = MANAGER_LINE.search(README)
    assert found is not None
    return found[1]


def lay_cable(*ends: tuple[str, str]) -> None:
    """Connect two new namespaces; each end gets its address."""
    for namespace, _ in ends:
        add_namespace(namespace)
    (first, _), (second, _) = ends
    run("ip", "-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)  # fmt: skip
    for namespace, address in ends:
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")


def remove_containers(data: Path) -> None:
    """Remove what the workers of these machines left on the engine; none, when all went well."""
    for identity in data.glob("*/state/worker/node.json"):
        node = re.findall(r"[0-9a-f-]{36}", identity.read_text())[0]
        if left := docker("ps", "-aq", "--filter", f"label=cube.node={node}").split():
            docker("rm", "-f", *left)


def printed_line(screen: bytes) -> str:
    found = WORKER_LINE.search(screen.decode().replace("\r\n", "\n"))
    assert found is not None, screen
    return found[0]


def test_the_readmes_lines_make_a_cluster_of_two_machines(
    machines: tuple[Machine, Machine],
) -> None:
    first, second = machines
    manager_line, worker_line = MANAGER_LINE.search(README), WORKER_LINE.search(README)
    assert manager_line is not None and worker_line is not None
    with first.at_terminal(manager_line[0]) as manager:
        line = printed_line(manager.sees(b"good for one machine", 60))
        told = re.escape(worker_line[0]).replace("…", r"[a-z0-9-]{80,}")
        assert re.fullmatch(told, line), f"the README says {worker_line[0]}"

        with second.at_terminal(line) as worker:
            worker.sees(b"joined cluster", 60)
            eventually(lambda: first.does("cube node"), lambda seen: " ready " in seen, 30)
            ran = first.does("cube run --name two busybox -- sleep 3600")
            assert ran.splitlines()[-1].startswith("two.1 on ")
            assert first.does("cube exec two -- echo here") == "here\n"
            first.does("cube stop two")

        # The same machine comes back without another token.
        with second.at_terminal("cube worker start") as again:
            again.sees(b"session 2 with wss://", 60)
