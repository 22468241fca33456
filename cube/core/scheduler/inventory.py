"""What the nodes have and what is promised away on them: one column per number, one row per node.

Owned and changed by the cluster's state, change by change; placing only reads it. A row is a node for as long as the
node is known, and is given to another one afterwards. Amounts are int64: sums of floats would over-commit.

Invariants (asserted by `core.invariants`):
- what is held on a row is the sum over the allocations that reserve there;
- a row that belongs to nobody is closed, so that no mask lets it through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from cube.core.scheduler.columns import Flags, Floats, Ints, Rows
from cube.core.scheduler.constraints import Constraint
from cube.core.scheduler.counts import Counts, column_of
from cube.core.scheduler.devices import Devices
from cube.core.scheduler.lookups import Lookups, keep
from cube.core.scheduler.node_states import NUMBERS, OPEN, UNUSED, state_of
from cube.core.scheduler.presence import Presence
from cube.core.scheduler.totals import Totals
from cube.model.extras import MAX_DEVICES, Share
from cube.model.ids import NodeId, TaskId
from cube.model.node import Node
from cube.model.policy import Policy
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Protocol

HostPort = tuple[int, Protocol]
Partly = tuple[Collection[TaskId], Collection[int]]  # some tasks, on some rows

NOBODY = NodeId("")


class Inventory:
    """The columns of all nodes. Read the columns freely; write by the methods only."""

    # One entry per row, of the length of the rows in use; made anew when a row is added.
    capacity: Ints  # lines of cpu (thousandths of a core), memory and disk (bytes)
    free: Ints  # the same lines; negative where the machine has shrunk under its allocations
    cpu_free: Ints  # the lines of `free`, each by its name
    memory_free: Ints
    disk_free: Ints
    count: Ints  # allocations
    last_placed: Ints  # revision of the newest assignment; 0: never chosen
    state: Ints  # see node_states
    open: Flags  # takes new work

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.ids: list[NodeId] = []  # of each row
        self.totals = Totals()
        self._nodes: dict[NodeId, Node] = {}
        self._row: dict[NodeId, int] = {}
        self._unused: list[int] = []
        self._whole: dict[str, Ints] = {
            name: np.zeros((3, 16) if name in ("capacity", "free") else 16, dtype=np.int64)
            for name in ("capacity", "free", "count", "last_placed", "state")
        }
        self._whole_open: Flags = np.zeros(16, dtype=np.bool_)
        self._replicas = Counts[TaskId]()
        self._ports = Counts[HostPort]()
        self._devices: dict[str, Devices] = {}
        self._dense: dict[TaskId, Ints] = {}
        self._lookups = Lookups()
        self.images = Presence()
        self._per_capacity: Floats | None = None
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
            return np.flatnonzero(self.state != NUMBERS[UNUSED])
        return slice(0, len(self.ids))

    @property
    def rank(self) -> Ints:
        """Where each row stands when the nodes are sorted by name, then id: what decides between equals."""
        if self._rank is None:
            self._rank = np.zeros(len(self.ids), dtype=np.int64)
            in_order = sorted(self._row, key=lambda node_id: (self._nodes[node_id].name, node_id))
            self._rank[[self._row[node_id] for node_id in in_order]] = np.arange(len(in_order))
        return self._rank

    @property
    def per_capacity(self) -> Floats:
        """Return 1 / capacity, line by line, 0 where there is none; kept, as dividing costs more than all else."""
        if self._per_capacity is None:
            per = np.zeros(self.capacity.shape)
            self._per_capacity = np.divide(1.0, self.capacity, out=per, where=self.capacity > 0)
        return self._per_capacity

    def free_on(self, row: int) -> Resources:
        """Return what is left to promise. Negative where the machine has shrunk under its allocations."""
        return Resources(*self.free[:, row].tolist())

    def reserved(self, row: int) -> Resources:
        """Return what is promised away."""
        return self.node(row).facts.capacity - self.free_on(row)

    def replicas(self, task_id: TaskId) -> Mapping[int, int]:
        """Return how many allocations of the task are on which row; rows without any are left out."""
        return self._replicas.of(task_id)

    def replicas_column(self, task_id: TaskId) -> Ints | None:
        """Return how many allocations of the task each row has; None: none anywhere."""
        sparse = self._replicas.of(task_id)
        if not sparse:
            return None
        if (dense := self._dense.get(task_id)) is None:
            dense = column_of(sparse, len(self.ids))
            keep(self._dense, task_id, dense)
        return dense

    def holders(self, port: HostPort) -> Mapping[int, int]:
        """Return how many allocations hold the host port on which row: two may, while one is being replaced."""
        return self._ports.of(port)

    @property
    def extras(self) -> tuple[str, ...]:
        """The kinds of devices that any node has or had."""
        return tuple(sorted(self._devices))

    def devices_count(self, extra: str, rows: Rows) -> Ints:
        """Return how many devices of one of these kinds each row has."""
        return self._devices[extra].count[rows]

    def devices_free(self, extra: str, rows: Rows) -> Ints:
        """Return the free thousandths of each device of that kind, a line per row."""
        if (devices := self._devices.get(extra)) is None:
            return np.zeros((len(self.count[rows]), 0), dtype=np.int64)
        return devices.free(rows)

    def devices_on(self, row: int) -> dict[tuple[str, int], int]:
        """Return how many thousandths of which device are held on the row, also of one that is gone."""
        return {
            (extra, int(device)): int(devices.held[row, device])
            for extra, devices in self._devices.items()
            for device in devices.held[row].nonzero()[0]
        }

    def tasks_on(self, row: int) -> dict[TaskId, int]:
        """Return how many allocations of which task are on the row. Looks through all tasks."""
        return self._replicas.on(row)

    def ports_on(self, row: int) -> dict[HostPort, int]:
        """Return which host ports are held on the row, and how often. Looks through all ports."""
        return self._ports.on(row)

    def matching(self, constraint: Constraint) -> Flags:
        """Return which rows meet the constraint; kept up to date as nodes change their facts."""
        return self._lookups.matching(constraint, self._numbered(), len(self.ids))

    def values_of(self, label: str) -> tuple[Ints, int]:
        """Return a number for each row's value of that label or fact, -1 for none; and how many values there are."""
        return self._lookups.values_of(label, self._numbered(), len(self.ids))

    @property
    def policies(self) -> tuple[Ints, Collection[Policy]]:
        """The number of each row's policy, and the policies in the order of their numbers."""
        return self._lookups.policies(self._numbered(), len(self.ids))

    def excerpt(
        self, tasks: Collection[TaskId], ports: Collection[HostPort], image: str, partly: Partly
    ) -> Inventory:
        """Return a copy, to be changed freely and read by any thread.

        It has all nodes and what is free there, but knows only the replicas of these tasks (of those `partly`, on the
        rows beside them), the holders of these ports and this image: so it costs some bytes per node, not per replica.
        """
        copy = Inventory()
        copy.ids, copy._nodes, copy._row = [*self.ids], {**self._nodes}, {**self._row}
        copy._unused = [*self._unused]
        copy._whole = {name: column.copy() for name, column in self._whole.items()}
        copy._whole_open = self._whole_open.copy()
        copy._replicas = self._replicas.excerpt(tasks, *partly)
        copy._ports = self._ports.excerpt(ports)
        copy.images = self.images.excerpt(image)
        copy._devices = {extra: devices.copy() for extra, devices in self._devices.items()}
        copy.totals = self.totals.copy()
        copy._rank = self._rank  # made anew, and never changed in place
        copy._trim()
        return copy

    # -- writing ----------------------------------------------------------------------------------------------

    def put(self, node: Node) -> None:
        """Take the node in, or take note of how it now stands; what it holds stays held."""
        before = self._nodes.get(node.id)
        self._nodes[node.id] = node
        row = self._row[node.id] if before else self._new_row(node.id)
        state = state_of(node)
        self.state[row] = NUMBERS[state]
        self.open[row] = state == OPEN
        if before is None or before.facts != node.facts:
            self._put_facts(row, before, node)

    def drop(self, node_id: NodeId) -> None:
        """Forget the node and whatever was held on it. Its row is closed until another node gets it."""
        row = self._row.pop(node_id)
        self.totals.drop(self._nodes.pop(node_id).facts.capacity, self.free_on(row))
        self.ids[row] = NOBODY
        self._unused.append(row)
        for column in self._whole.values():
            column[..., row] = 0
        self.state[row] = NUMBERS[UNUSED]
        self.open[row] = False
        for devices in self._devices.values():
            devices.count[row] = devices.held[row] = 0
        self._replicas.forget(row)
        self._ports.forget(row)
        self.images.forget(row)
        self._forget_kept()

    def hold(
        self,
        node_id: NodeId,
        task_id: TaskId,
        demand: Resources,
        ports: Iterable[HostPort],
        devices: Iterable[Share] = (),
    ) -> None:
        """Reserve for one allocation of the task. `let_go` with the same arguments undoes it exactly."""
        row = self._row[node_id]
        self._reserve(row, demand, devices, 1)
        self._replicas.add(task_id, row)
        if (dense := self._dense.get(task_id)) is not None:
            dense[row] += 1
        for port in ports:
            self._ports.add(port, row)

    def let_go(
        self,
        node_id: NodeId,
        task_id: TaskId,
        demand: Resources,
        ports: Iterable[HostPort],
        devices: Iterable[Share] = (),
    ) -> None:
        """Undo one `hold`. KeyError when there was none."""
        row = self._row[node_id]
        self._replicas.take(task_id, row)
        for port in ports:
            self._ports.take(port, row)
        if (dense := self._dense.get(task_id)) is not None:
            dense[row] -= 1
        self._reserve(row, demand, devices, -1)

    def chosen(self, node_id: NodeId, revision: int) -> None:
        """Take note of the newest assignment to the node."""
        self.last_placed[self._row[node_id]] = revision

    def _reserve(self, row: int, demand: Resources, devices: Iterable[Share], sign: int) -> None:
        # Element by element, and only what is asked: writing to one cell of an array costs more than to a dict.
        if demand.cpu_millis:
            self.cpu_free[row] -= sign * demand.cpu_millis
        if demand.memory_bytes:
            self.memory_free[row] -= sign * demand.memory_bytes
        if demand.disk_bytes:
            self.disk_free[row] -= sign * demand.disk_bytes
        self.totals.reserve(demand, sign)
        for share in devices:
            self._kind(share.extra, share.device + 1).held[row, share.device] += sign * share.millis
        self.count[row] += sign

    def _kind(self, extra: str, width: int) -> Devices:
        """Return the devices of that kind, with so many columns at least."""
        if (devices := self._devices.get(extra)) is None:
            devices = self._devices[extra] = Devices(len(self.ids))
        devices.fit(len(self.ids), width)
        return devices

    def _put_facts(self, row: int, before: Node | None, node: Node) -> None:
        capacity = np.array(node.facts.capacity.amounts)
        self.free[:, row] += capacity - self.capacity[:, row]
        self.capacity[:, row] = capacity
        self.totals.capacity += node.facts.capacity - (before.facts.capacity if before else NOTHING)
        self._per_capacity = None
        for extra in {*node.facts.extras, *(before.facts.extras if before else ())}:
            # What a worker claims is not what the manager makes room for.
            count = min(max(node.facts.extras.get(extra, 0), 0), MAX_DEVICES)
            self._kind(extra, count).count[row] = count
        self._lookups.note(row, node)
        if before is None or before.name != node.name:
            self._rank = None

    def _numbered(self) -> Iterator[tuple[int, Node]]:
        return ((row, self._nodes[node_id]) for node_id, row in self._row.items())

    def _new_row(self, node_id: NodeId) -> int:
        if self._unused:
            row = self._row[node_id] = self._unused.pop()
            self.ids[row] = node_id
            return row
        row = self._row[node_id] = len(self.ids)
        self.ids.append(node_id)
        if row == len(self._whole_open):
            for name, column in self._whole.items():
                self._whole[name] = np.concatenate([column, np.zeros_like(column)], axis=-1)
            self._whole_open = np.concatenate([self._whole_open, np.zeros_like(self._whole_open)])
        for devices in self._devices.values():
            devices.fit(len(self._whole_open))
        self._trim()
        self._forget_kept()
        return row

    def _trim(self) -> None:
        for name, column in self._whole.items():
            setattr(self, name, column[..., : len(self.ids)])
        self.cpu_free, self.memory_free, self.disk_free = self.free
        self.open = self._whole_open[: len(self.ids)]

    def _forget_kept(self) -> None:
        self._dense.clear()
        self._lookups.forget()
        self._per_capacity = None
        self._rank = None
