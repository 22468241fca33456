"""The ledger as the decider sees it, with a watch in hand: how long a commit took, and what was recorded by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from cube.core.effects import Snapshot, Writes
from cube.manager.doors import Recorder
from cube.model.audit import AuditEntry
from cube.store.ledger import RequestRecord


class Observer(Protocol):
    """Who is told of commits. It must not fail and must be quick: it stands between the disk and the answers."""

    def recorded(self, writes: Writes, seconds: float) -> None:
        """These writes are durable, so long after they were handed over."""

    def not_recorded(self) -> None:
        """A commit failed."""


class Recording:
    """A recorder that tells an observer of each commit, in the order of the records."""

    def __init__(self, ledger: Recorder, observer: Observer, clock: Callable[[], float]) -> None:
        """`clock` tells seconds and only goes forward."""
        self._ledger = ledger
        self._observer = observer
        self._clock = clock

    def commit(
        self,
        writes: Writes,
        request: RequestRecord | None = None,
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        """Record one transaction, after all earlier ones."""
        began = self._clock()
        recorded = self._ledger.commit(writes, request, audit)

        def told(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._observer.not_recorded()
            else:
                self._observer.recorded(writes, self._clock() - began)

        recorded.add_done_callback(told)
        return recorded

    async def load(self) -> Snapshot:
        """Read everything decisions need."""
        return await self._ledger.load()

    async def recover(self) -> Snapshot:
        """Read it after a commit failed, and take commits again. LedgerFull while there is no room."""
        return await self._ledger.recover()
