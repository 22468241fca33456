"""What the manager's parts expect of what stands beside them: the core, the ledger, and who hears of decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cube.core.audit import Verdict
from cube.core.cluster import Cluster
from cube.core.effects import Effects, Snapshot, Writes
from cube.core.inputs import Input, Rebalance
from cube.core.moves import Move
from cube.model.audit import AuditEntry
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.model.node import Usage
from cube.model.orders import Order
from cube.model.timing import Instant
from cube.model.token import Token, TokenId
from cube.store.audit import NumberedEntry
from cube.store.ledger import RequestRecord


class Beside(msgspec.Struct, frozen=True):
    """What is recorded in one transaction with a decision: the answer under its key, and who asked for it."""

    request: RequestRecord | None = None
    audit: tuple[AuditEntry, ...] = ()

    def __bool__(self) -> bool:
        return self.request is not None or bool(self.audit)


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

    def commit(
        self,
        writes: Writes,
        request: RequestRecord | None = None,
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
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


class TokenRecords(Protocol):
    """The recorded tokens: `cube.store.ledger.Ledger`."""

    async def tokens(self) -> list[Token]:
        """Return what is on record of every token."""

    def commit_tokens(
        self, tokens: Mapping[TokenId, Token | None], audit: Iterable[AuditEntry] = ()
    ) -> asyncio.Future[None]:
        """Record these in one transaction, None for one that is no more."""


class AuditRecords(Protocol):
    """The recorded audit: `cube.store.ledger.Ledger`."""

    async def audit(self, *, before: int | None = None, limit: int = 100) -> list[NumberedEntry]:
        """Return the newest entries, oldest first."""

    async def verify_audit(self) -> Verdict:
        """Go along the whole chain."""


class Requests(Protocol):
    """The recorded answers: `cube.store.ledger.Ledger`."""

    async def request(self, key: str) -> RequestRecord | None:
        """Return what was recorded under the key."""
