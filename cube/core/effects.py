"""What a decision of the manager's core asks of its shell: what to record, and what to send once it is recorded."""

from __future__ import annotations

import msgspec

from cube.core.moves import Move
from cube.model.allocation import Allocation
from cube.model.event import TaskEvent
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.lineage import Lineage
from cube.model.node import Node
from cube.model.orders import Order
from cube.model.task import Task


class Writes(msgspec.Struct, kw_only=True):
    """One transaction: the records as they are now, the records that are no more, the events of the change.

    Empty means nothing changed that a restarted manager must know.
    """

    tasks: dict[TaskId, Task | None] = {}  # None: deleted
    allocations: dict[AllocationId, Allocation | None] = {}
    nodes: dict[NodeId, Node | None] = {}
    events: list[TaskEvent] = []
    lineage: Lineage | None = None  # None: as it was

    def __bool__(self) -> bool:
        return bool(
            self.tasks or self.allocations or self.nodes or self.events or self.lineage is not None
        )


class Accepted(msgspec.Struct, frozen=True):
    """The user's change was taken. `created`: the task is new or was started again; `changed`: anything happened."""

    task: Task
    created: bool
    changed: bool


class Rejected(msgspec.Struct, frozen=True):
    """The change contradicts what is there; nothing happened. `code` is that of a class in `cube.errors`."""

    code: str
    message: str
    hint: str = ""


class Welcomed(msgspec.Struct, frozen=True):
    """The worker's session is open. Its first orders are in `Effects.orders` under its node id."""

    epoch: int
    heartbeat: float
    lease: float
    revision: int = 0  # at which the ledger is


class TurnedAway(msgspec.Struct, frozen=True):
    """The worker is not let in. `final`: trying again is of no use."""

    reason: str
    final: bool = False


class Held(msgspec.Struct, frozen=True):
    """Whether the message came from the node's present session. If not, that session is to be closed.

    To a lease also the pace: seconds between two, and for how long one counts.
    """

    current: bool
    heartbeat: float = 0.0
    lease: float = 0.0


class Rebalanced(msgspec.Struct, frozen=True):
    """The moves that are made now, in this order."""

    moves: tuple[Move, ...]


Answer = Accepted | Rejected | Rebalanced | Welcomed | TurnedAway | Held | None


class Effects(msgspec.Struct, kw_only=True):
    """The whole consequence of one event. The shell commits `writes`, then gives the answer and sends `orders`.

    `look_again_at` is the monotonic second at which the core wants a `Tick` even if nothing happens; None: never.
    `more` asks for a `Tick` at once: the core stopped planning to let others run.
    """

    answer: Answer = None
    writes: Writes
    orders: dict[NodeId, list[Order]] = {}
    touched: dict[
        TaskId, None
    ] = {}  # of which people may see something new; a deleted one is not among them
    look_again_at: float | None = None
    more: bool = False

    def absorb(self, later: Effects) -> None:
        """Become the one consequence of both, but for the answer; the later one has the last word."""
        self.writes.tasks.update(later.writes.tasks)
        self.writes.allocations.update(later.writes.allocations)
        self.writes.nodes.update(later.writes.nodes)
        self.writes.events.extend(later.writes.events)
        if later.writes.lineage is not None:
            self.writes.lineage = later.writes.lineage
        for node_id, orders in later.orders.items():
            self.orders.setdefault(node_id, []).extend(orders)
        self.touched.update(later.touched)
        self.look_again_at = later.look_again_at
        self.more = self.more or later.more


class Snapshot(msgspec.Struct, kw_only=True):
    """Everything the ledger holds that decisions need: what a core is built from."""

    cluster_id: str
    revision: int = 0  # of the newest event
    lineage: Lineage = Lineage()
    tasks: list[Task] = []
    allocations: list[Allocation] = []
    nodes: list[Node] = []
