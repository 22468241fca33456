"""Where the replicas of a task can be reached: what proxies and Prometheus are told.

Only slots that do their work are told, and only ports that are published: a container's own address is good on its node
alone. The order is that of names, slots and ports, so an unchanged cluster gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cube.core.cluster import Cluster
from cube.core.roster import Slot
from cube.model.allocation import Allocation, PortBinding
from cube.model.spec import Protocol
from cube.model.task import Goal, Task

_ANY = frozenset({"", "0.0.0.0", "::"})  # bound on every address of the node
_LOOPBACK = ("127.", "::1")


class Endpoint(msgspec.Struct, frozen=True):
    """One published TCP port of one replica that is ready."""

    slot: int
    node: str
    node_labels: dict[str, str]
    host: str
    port: int
    container_port: int

    @property
    def authority(self) -> str:
        """`host:port` as a URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Served(msgspec.Struct, frozen=True):
    """A task with the endpoints of all its replicas."""

    task: Task
    endpoints: tuple[Endpoint, ...]

    def on(self, container_port: int | None) -> tuple[Endpoint, ...]:
        """Return those of one container port; None: of the port that the spec names first."""
        wanted = container_port or first_port(self.task)
        return tuple(one for one in self.endpoints if one.container_port == wanted)


def first_port(task: Task) -> int | None:
    """Return the first TCP port that the spec publishes."""
    for port in task.spec.ports:
        if port.protocol is Protocol.TCP:
            return port.container_port
    return None


def served(cluster: Cluster, label: str) -> list[Served]:
    """Return the tasks that have this label set to true, by name."""
    tasks = [
        task
        for task in cluster.tasks.values()
        if task.spec.labels and task.goal is Goal.RUN and truthful(task.spec.labels.get(label, ""))
    ]
    tasks.sort(key=lambda task: task.name)
    return [Served(task, tuple(_endpoints(task, cluster))) for task in tasks]


def truthful(text: str) -> bool:
    """Whether a label's value says yes."""
    return text.strip().lower() in ("true", "1", "yes")


def _endpoints(task: Task, cluster: Cluster) -> Iterator[Endpoint]:
    for _, slot in sorted(cluster.slots(task.id).items()):
        yield from _of_slot(slot, cluster)


def _of_slot(slot: Slot, cluster: Cluster) -> Iterator[Endpoint]:
    allocation = slot.latest
    if allocation is None or not allocation.ready:
        return
    node = cluster.nodes[allocation.node_id]
    for binding in _tcp_ports(allocation):
        if host := _reachable(binding.host_ip, node.facts.address):
            yield Endpoint(
                slot=slot.number,
                node=node.name,
                node_labels=node.facts.labels,
                host=host,
                port=binding.host_port,
                container_port=binding.container_port,
            )


def _tcp_ports(allocation: Allocation) -> list[PortBinding]:
    """Return one binding of each container port: the engine tells of IPv4 and IPv6 apart."""
    found: dict[int, PortBinding] = {}
    bindings = [one for one in allocation.observed.ports if one.protocol is Protocol.TCP]
    for one in sorted(bindings, key=lambda one: (":" in one.host_ip, one.host_ip, one.host_port)):
        found.setdefault(one.container_port, one)
    return [found[port] for port in sorted(found)]


def _reachable(bound: str, address: str) -> str:
    """Return the host to dial for a port bound so on a node of that address; empty: only the node itself can."""
    if bound in _ANY:
        return address
    if bound.startswith(_LOOPBACK) and not address.startswith(_LOOPBACK):
        return ""
    return bound
