"""What the nodes have and what is promised away on them: one column per number, one row per node.

Owned and changed by the cluster's state, change by change; placing only reads it. A row is a node for as long as the
node is known, and is given to another one afterwards. Amounts are int64: sums of floats would over-commit.

Invariants (asserted by `core.invariants`):
- what is held on a row is the sum over the allocations that reserve there;
- a row that belongs to nobody is closed, so that no mask lets it through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from cube.core.scheduler.columns import Flags, Floats, Ints, Rows
from cube.core.scheduler.constraints import Constraint
from cube.model.ids import NodeId, TaskId
from cube.model.node import Availability, Condition, Node
from cube.model.resources import Resources
from cube.model.spec import Protocol

HostPort = tuple[int, Protocol]
Key = TypeVar("Key", bound=Hashable)

OPEN = "open"
STATES = (OPEN, "lost", "suspect", "cordoned", "draining", "runtime_down", "unused")
"""What keeps a node from new work, in the words of refusals; the column `state` counts through these."""

NOBODY = NodeId("")

_STATE = {word: number for number, word in enumerate(STATES)}
_KEPT = 64  # dense columns and masks that are kept for the next question; each costs some bytes per node


class Inventory:
    """The columns of all nodes. Read the columns freely; write by the methods only."""

    # One entry per row, of the length of the rows in use; made anew when a row is added.
    cpu_capacity: Ints
    cpu_free: Ints  # negative where the machine has shrunk under its allocations
    memory_capacity: Ints
    memory_free: Ints
    disk_capacity: Ints
    disk_free: Ints
    count: Ints  # allocations
    last_placed: Ints  # revision of the newest assignment; 0: never chosen
    state: Ints  # see STATES
    open: Flags  # takes new work

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.ids: list[NodeId] = []  # of each row
        self._nodes: dict[NodeId, Node] = {}
        self._row: dict[NodeId, int] = {}
        self._unused: list[int] = []
        self._whole: dict[str, Ints] = {name: np.zeros(16, dtype=np.int64) for name in _NUMBERS}
        self._whole_open: Flags = np.zeros(16, dtype=np.bool_)
        # Sparse: most tasks are on few nodes, and most nodes hold few host ports.
        self._replicas: dict[TaskId, dict[int, int]] = {}
        self._ports: dict[HostPort, dict[int, int]] = {}
        self._dense: dict[TaskId, Ints] = {}
        self._masks: dict[Constraint, Flags] = {}
        self._rank: Ints | None = None
        self._trim()
        for node in nodes:
            self.put(node)

    # -- reading ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._row)

    @property
    def nodes(self) -> Mapping[NodeId, Node]:
        """The nodes by id."""
        return MappingProxyType(self._nodes)

    def row(self, node_id: NodeId) -> int:
        """Return the row of a node. KeyError when it is not known."""
        return self._row[node_id]

    def id(self, row: int) -> NodeId:
        """Return whose row it is. Rows that are nobody's have the id of nobody, an empty one."""
        return self.ids[row]

    def node(self, row: int) -> Node:
        """Return the node of a row. KeyError when it is nobody's."""
        return self._nodes[self.ids[row]]

    def rows(self, only: Collection[NodeId] | None = None) -> Rows:
        """Return the rows of all nodes, or of those among `only` that are known."""
        if only is not None:
            known = sorted({self._row[node_id] for node_id in only if node_id in self._row})
            return np.array(known, dtype=np.int64)
        if self._unused:
            return np.flatnonzero(self.state != _STATE["unused"])
        return slice(0, len(self.ids))

    @property
    def rank(self) -> Ints:
        """Where each row stands when the nodes are sorted by name, then id: what decides between equals."""
        if self._rank is None:
            self._rank = np.zeros(len(self.ids), dtype=np.int64)
            in_order = sorted(self._row, key=lambda node_id: (self._nodes[node_id].name, node_id))
            self._rank[[self._row[node_id] for node_id in in_order]] = np.arange(len(in_order))
        return self._rank

    def free(self, row: int) -> Resources:
        """Return what is left to promise. Negative where the machine has shrunk under its allocations."""
        return Resources(
            int(self.cpu_free[row]), int(self.memory_free[row]), int(self.disk_free[row])
        )

    def reserved(self, row: int) -> Resources:
        """Return what is promised away."""
        return self.node(row).facts.capacity - self.free(row)

    def replicas(self, task_id: TaskId) -> Mapping[int, int]:
        """Return how many allocations of the task are on which row; rows without any are left out."""
        return self._replicas.get(task_id, _NONE)

    def replicas_column(self, task_id: TaskId) -> Ints | None:
        """Return how many allocations of the task each row has; None: none anywhere."""
        sparse = self._replicas.get(task_id)
        if sparse is None:
            return None
        dense = self._dense.get(task_id)
        if dense is None:
            dense = scattered(sparse, len(self.ids))
            _keep(self._dense, task_id, dense)
        return dense

    def holders(self, port: HostPort) -> Mapping[int, int]:
        """Return how many allocations hold the host port on which row: two may, while one is being replaced."""
        return self._ports.get(port, _NONE)

    def tasks_on(self, row: int) -> dict[TaskId, int]:
        """Return how many allocations of which task are on the row. Looks through all tasks."""
        return {task: rows[row] for task, rows in self._replicas.items() if row in rows}

    def ports_on(self, row: int) -> dict[HostPort, int]:
        """Return which host ports are held on the row, and how often. Looks through all ports."""
        return {port: rows[row] for port, rows in self._ports.items() if row in rows}

    def matching(self, constraint: Constraint) -> Flags:
        """Return which rows meet the constraint; kept up to date as nodes change their facts."""
        mask = self._masks.get(constraint)
        if mask is None:
            mask = np.zeros(len(self.ids), dtype=np.bool_)
            for node_id, row in self._row.items():
                mask[row] = constraint.holds(self._nodes[node_id])
            _keep(self._masks, constraint, mask)
        return mask

    # -- writing ----------------------------------------------------------------------------------------------

    def put(self, node: Node) -> None:
        """Take the node in, or take note of how it now stands; what it holds stays held."""
        before = self._nodes.get(node.id)
        self._nodes[node.id] = node
        row = self._row[node.id] if before else self._new_row(node.id)
        state = _state_of(node)
        self.state[row] = _STATE[state]
        self.open[row] = state == OPEN
        if before is None or before.facts != node.facts:
            self._put_facts(row, before, node)

    def drop(self, node_id: NodeId) -> None:
        """Forget the node and whatever was held on it. Its row is closed until another node gets it."""
        row = self._row.pop(node_id)
        del self._nodes[node_id]
        self.ids[row] = NOBODY
        self._unused.append(row)
        for column in self._whole.values():
            column[row] = 0
        self.state[row] = _STATE["unused"]
        self.open[row] = False
        _forget_row(self._replicas, row)
        _forget_row(self._ports, row)
        self._forget_kept()

    def hold(
        self, node_id: NodeId, task_id: TaskId, demand: Resources, ports: Iterable[HostPort]
    ) -> None:
        """Reserve for one allocation of the task. `let_go` with the same arguments undoes it exactly."""
        row = self._row[node_id]
        self._reserve(row, demand, 1)
        rows = self._replicas.setdefault(task_id, {})
        rows[row] = rows.get(row, 0) + 1
        dense = self._dense.get(task_id)
        if dense is not None:
            dense[row] += 1
        for port in ports:
            rows = self._ports.setdefault(port, {})
            rows[row] = rows.get(row, 0) + 1

    def let_go(
        self, node_id: NodeId, task_id: TaskId, demand: Resources, ports: Iterable[HostPort]
    ) -> None:
        """Undo one `hold`. KeyError when there was none."""
        row = self._row[node_id]
        _take_one(self._replicas, task_id, row)
        for port in ports:
            _take_one(self._ports, port, row)
        dense = self._dense.get(task_id)
        if dense is not None:
            dense[row] -= 1
        self._reserve(row, demand, -1)

    def chosen(self, node_id: NodeId, revision: int) -> None:
        """Take note of the newest assignment to the node."""
        self.last_placed[self._row[node_id]] = revision

    def _reserve(self, row: int, demand: Resources, sign: int) -> None:
        # Element by element, and only what is asked: writing to one cell of an array costs more than to a dict.
        if demand.cpu_millis:
            self.cpu_free[row] -= sign * demand.cpu_millis
        if demand.memory_bytes:
            self.memory_free[row] -= sign * demand.memory_bytes
        if demand.disk_bytes:
            self.disk_free[row] -= sign * demand.disk_bytes
        self.count[row] += sign

    def _put_facts(self, row: int, before: Node | None, node: Node) -> None:
        for name, pick in _CAPACITIES.items():
            capacity = self._whole[f"{name}_capacity"]
            self._whole[f"{name}_free"][row] += pick(node.facts.capacity) - capacity[row]
            capacity[row] = pick(node.facts.capacity)
        for constraint, mask in self._masks.items():
            mask[row] = constraint.holds(node)
        if before is None or before.name != node.name:
            self._rank = None

    def _new_row(self, node_id: NodeId) -> int:
        if self._unused:
            row = self._row[node_id] = self._unused.pop()
            self.ids[row] = node_id
            return row
        row = self._row[node_id] = len(self.ids)
        self.ids.append(node_id)
        if row == len(self._whole_open):
            for name, column in self._whole.items():
                self._whole[name] = np.concatenate([column, np.zeros_like(column)])
            self._whole_open = np.concatenate([self._whole_open, np.zeros_like(self._whole_open)])
        self._trim()
        self._forget_kept()
        return row

    def _trim(self) -> None:
        for name, column in self._whole.items():
            setattr(self, name, column[: len(self.ids)])
        self.open = self._whole_open[: len(self.ids)]

    def _forget_kept(self) -> None:
        self._dense.clear()
        self._masks.clear()
        self._rank = None


def scattered(sparse: Mapping[int, int], length: int) -> Ints:
    """Return {row: number} as a column."""
    column = np.zeros(length, dtype=np.int64)
    size = len(sparse)
    rows = np.fromiter(sparse.keys(), dtype=np.int64, count=size)
    column[rows] = np.fromiter(sparse.values(), dtype=np.int64, count=size)
    return column


def _state_of(node: Node) -> str:
    if node.condition is not Condition.READY:
        return node.condition.value
    if node.availability is not Availability.ACTIVE:
        return node.availability.value
    return "runtime_down" if node.runtime_error else OPEN


def _take_one(sparse: dict[Key, dict[int, int]], key: Key, row: int) -> None:
    """Count one less; what reaches zero goes, so that the tables stay as small as what they count."""
    rows = sparse[key]
    if rows[row] == 1:
        _forget(sparse, key, row)
    else:
        rows[row] -= 1


def _forget_row(sparse: dict[Key, dict[int, int]], row: int) -> None:
    for key in [key for key, rows in sparse.items() if row in rows]:
        _forget(sparse, key, row)


def _forget(sparse: dict[Key, dict[int, int]], key: Key, row: int) -> None:
    del sparse[key][row]
    if not sparse[key]:
        del sparse[key]


Kept = TypeVar("Kept", Ints, Flags, Floats)


def _keep(kept: dict[Key, Kept], key: Key, column: Kept) -> None:
    """Keep the column for the next question, and let the oldest go where there are too many."""
    if len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[key] = column


_NONE: Mapping[int, int] = MappingProxyType({})
_CAPACITIES: dict[str, Callable[[Resources], int]] = {
    "cpu": lambda amount: amount.cpu_millis,
    "memory": lambda amount: amount.memory_bytes,
    "disk": lambda amount: amount.disk_bytes,
}
_NUMBERS = tuple(name for name in Inventory.__annotations__ if name != "open")
