"""What the manager's parts expect of what stands beside them: the core, the ledger, and who hears of decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from cube.core.cluster import Cluster
from cube.core.effects import Effects, Snapshot, Writes
from cube.core.inputs import Input, Rebalance
from cube.core.moves import Move
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.model.node import Usage
from cube.model.orders import Order
from cube.model.timing import Instant
from cube.store.ledger import RequestRecord


class Core(Protocol):
    """What decides: `cube.core.manager.ManagerCore`."""

    cluster: Cluster

    @property
    def recovering(self) -> str | None:
        """What a recovery of the ledger waits for; None when none is going on."""

    def proposal(self, wish: Rebalance, /) -> tuple[Move, ...]:
        """Return the moves that a rebalancing would make."""

    def handle(self, told: Input, now: Instant, /) -> Effects:
        """Take the input in and return its whole consequence."""

    def connected(self, node_id: NodeId, /) -> bool:
        """Whether the node has a session."""

    def heard(self, node_id: NodeId, /) -> float | None:
        """When the last lease came, in monotonic seconds."""

    def usage(self, node_id: NodeId, /) -> Usage | None:
        """What the node said it uses."""


class Recorder(Protocol):
    """What remembers: `cube.store.ledger.Ledger`."""

    def commit(self, writes: Writes, request: RequestRecord | None = None) -> asyncio.Future[None]:
        """Record one transaction, after all earlier ones."""

    async def load(self) -> Snapshot:
        """Read everything decisions need."""

    async def recover(self) -> Snapshot:
        """Read it after a commit failed, and take commits again. LedgerFull while there is no room."""


class Listener(Protocol):
    """Who hears of a decision once it is recorded, in the order of the records."""

    def deliver(self, node_id: NodeId, orders: list[Order]) -> None:
        """Send the orders down the node's session, if it has one."""

    def publish(self, events: Sequence[TaskEvent]) -> None:
        """Tell those who follow."""

    def touched(self, effects: Effects) -> None:
        """Take note of what people may see anew, whether it was worth a record or not."""

    def start_over(self) -> None:
        """Decisions were taken back: let the workers come again and be compared."""


class History(Protocol):
    """The recorded events: `cube.store.ledger.Ledger`."""

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        newest: bool = False,
        task_id: TaskId | None = None,
        node_id: NodeId | None = None,
        kind: EventKind | None = None,
    ) -> list[TaskEvent]:
        """Events after a revision, oldest first; with `newest` the last ones, still oldest first."""


class PrunedHistory(History, Protocol):
    """A history that forgets its oldest events, and knows where it begins."""

    async def oldest_revision(self) -> int:
        """Return the revision of the oldest event still kept, 0 where there is none."""


class Requests(Protocol):
    """The recorded answers: `cube.store.ledger.Ledger`."""

    async def request(self, key: str) -> RequestRecord | None:
        """Return what was recorded under the key."""
