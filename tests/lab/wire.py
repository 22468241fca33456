"""The network of the lab: a namespace for the manager, one for each host, and one wire from each host to the manager.

The manager's namespace is also the router between the hosts. What is lost is lost where it arrives, so that no sender
notices: it is as if a cable or a switch had failed.
"""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path

from tests.lab.shell import CommandFailed, run

NETWORK = "10.231"  # seen in the lab's own namespaces only, so any number of labs can use it


class Direction(StrEnum):
    """Which packets of a host are lost."""

    TO_MANAGER = "to-manager"
    FROM_MANAGER = "from-manager"
    BOTH = "both"

    def includes(self, other: Direction) -> bool:
        """Whether it is that one or both."""
        return self in (other, Direction.BOTH)


def add_namespace(name: str) -> None:
    """Make a network namespace with its loopback up."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def make_router(name: str) -> None:
    """Let a namespace pass packets from host to host."""
    run(*inside(name), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")


def inside(name: str) -> tuple[str, ...]:
    """The beginning of a command that runs in a network namespace.

    Not `ip netns exec`: it mounts a new /sys, and an engine finds no cgroups in there.
    """
    return ("nsenter", f"--net=/run/netns/{name}", "--")


class Wire:
    """The connection of host `number` with the manager's namespace."""

    def __init__(self, manager: str, host: str, number: int) -> None:
        self._manager, self._host = manager, host
        self._near = f"h{number}"
        self.manager_address = f"{NETWORK}.{number}.1"
        self.host_address = f"{NETWORK}.{number}.2"

    def lay(self) -> None:
        """Connect both ends; the host's namespace is made anew, as a machine has no old connections after a boot."""
        add_namespace(self._host)
        run("ip", "-n", self._manager, "link", "add", self._near, "type", "veth",
            "peer", "name", "eth0", "netns", self._host)  # fmt: skip
        for namespace, link, address in (
            (self._manager, self._near, self.manager_address),
            (self._host, "eth0", self.host_address),
        ):
            run("ip", "-n", namespace, "addr", "add", f"{address}/30", "dev", link)
            run("ip", "-n", namespace, "link", "set", link, "up")
        # No way out of the lab, and known to be none: a packet for a registry that is dropped on the way would keep
        # an engine waiting, Swarm's for 20 s before each start.
        everywhere = f"{NETWORK}.0.0/16"
        run("ip", "-n", self._host, "route", "add", everywhere, "via", self.manager_address)

    def lose(self, percent: float, direction: Direction = Direction.BOTH) -> None:
        """Lose this share of the packets from now on; 100: all. Adds to what is lost already."""
        share = () if percent >= 100 else (
            "-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:g}"
        )  # fmt: skip
        for namespace, link, way in self._arrivals():
            if direction.includes(way):
                run(*inside(namespace), "iptables", "-w", "-t", "raw",
                    "-A", "PREROUTING", "-i", link, *share, "-j", "DROP")  # fmt: skip

    def heal(self) -> None:
        """Lose nothing any more."""
        for namespace, link, _ in self._arrivals():
            if Path("/run/netns", namespace).exists():
                table = (*inside(namespace), "iptables", "-w", "-t", "raw")
                for rule in run(*table, "-S", "PREROUTING").splitlines():
                    words = rule.split()
                    if words[0] == "-A" and words[words.index("-i") + 1] == link:
                        run(*table, "-D", *words[1:])

    def tear_out(self) -> None:
        """Remove the wire and the host's namespace. Repeats safely."""
        with contextlib.suppress(CommandFailed):
            run("ip", "-n", self._manager, "link", "del", self._near)
        with contextlib.suppress(CommandFailed):
            run("ip", "netns", "del", self._host)
        self.heal()

    def _arrivals(self) -> tuple[tuple[str, str, Direction], ...]:
        return (
            (self._manager, self._near, Direction.TO_MANAGER),
            (self._host, "eth0", Direction.FROM_MANAGER),
        )
