"""What is promised away on one node: the numbers that placing looks at, kept up to date change by change.

Mutable on purpose: a cluster keeps one per node, and adding an allocation must not cost more on a full node.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

from cube.model.ids import NodeId, TaskId
from cube.model.node import Node
from cube.model.resources import Resources
from cube.model.spec import Protocol

HostPort = tuple[int, Protocol]
Key = TypeVar("Key", bound=Hashable)


class Candidate:
    """A node and what is reserved on it. Owned and changed by the cluster's state; placing only reads it."""

    __slots__ = (
        "count",
        "cpu_millis",
        "disk_bytes",
        "last_placed",
        "memory_bytes",
        "node",
        "ports",
        "tasks",
    )

    def __init__(self, node: Node) -> None:
        self.node = node
        self.cpu_millis = 0
        self.memory_bytes = 0
        self.disk_bytes = 0
        # How many hold it: two may, while one is being replaced.
        self.ports: dict[HostPort, int] = {}
        self.tasks: dict[TaskId, int] = {}  # how many allocations of a task are here
        self.count = 0
        self.last_placed = 0  # revision of the newest assignment; 0: never chosen

    @property
    def id(self) -> NodeId:
        """The node's."""
        return self.node.id

    @property
    def free(self) -> Resources:
        """What is left to promise. Negative where the machine has shrunk under its allocations."""
        capacity = self.node.facts.capacity
        return Resources(
            capacity.cpu_millis - self.cpu_millis,
            capacity.memory_bytes - self.memory_bytes,
            capacity.disk_bytes - self.disk_bytes,
        )

    def hold(self, task_id: TaskId, demand: Resources, host_ports: Iterable[HostPort]) -> None:
        """Reserve for one allocation of the task. `let_go` with the same arguments undoes it exactly."""
        self.cpu_millis += demand.cpu_millis
        self.memory_bytes += demand.memory_bytes
        self.disk_bytes += demand.disk_bytes
        self.count += 1
        self.tasks[task_id] = self.tasks.get(task_id, 0) + 1
        for port in host_ports:
            self.ports[port] = self.ports.get(port, 0) + 1

    def let_go(self, task_id: TaskId, demand: Resources, host_ports: Iterable[HostPort]) -> None:
        """Undo one `hold`. KeyError when there was none."""
        _take_one(self.tasks, task_id)
        for port in host_ports:
            _take_one(self.ports, port)
        self.count -= 1
        self.cpu_millis -= demand.cpu_millis
        self.memory_bytes -= demand.memory_bytes
        self.disk_bytes -= demand.disk_bytes

    def copy(self) -> Candidate:
        """Return one with the same numbers that can be changed on trial."""
        twin = Candidate(self.node)
        twin.cpu_millis = self.cpu_millis
        twin.memory_bytes = self.memory_bytes
        twin.disk_bytes = self.disk_bytes
        twin.ports = self.ports.copy()
        twin.tasks = self.tasks.copy()
        twin.count = self.count
        twin.last_placed = self.last_placed
        return twin


def _take_one(counts: dict[Key, int], key: Key) -> None:
    """Count one less; a key that reaches zero goes, so that the tables stay as small as what they count."""
    if counts[key] == 1:
        del counts[key]
    else:
        counts[key] -= 1
