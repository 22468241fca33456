"""A decider with a core that does as it is told and a ledger whose disk is the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from cube.aio.clock import HandClock
from cube.core.cluster import Cluster
from cube.core.effects import Answer, Effects, Snapshot, Writes
from cube.core.inputs import Input, Rebalance, Stop, Tick
from cube.core.moves import Move
from cube.errors import LedgerFull
from cube.manager.decider import Decider
from cube.model.audit import AuditEntry
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Usage
from cube.model.orders import Order, Remove
from cube.model.timing import Instant
from cube.store.ledger import RequestRecord
from tests.builders import node_id

W1 = node_id("w1")


class ScriptedCore:
    """Answers every input with the next effects of its script, ticks with nothing."""

    def __init__(self, snapshot: Snapshot, script: list[Effects]) -> None:
        self.cluster = Cluster(snapshot)
        self.script = script
        self.told: list[Input] = []

    def handle(self, told: Input, now: Instant, /) -> Effects:
        self.told.append(told)
        if isinstance(told, Tick) or not self.script:
            return Effects(writes=Writes())
        return self.script.pop(0)

    @property
    def recovering(self) -> str | None:
        return None

    def connected(self, node_id: NodeId, /) -> bool:
        return False

    def proposal(self, wish: Rebalance, /) -> tuple[Move, ...]:
        return ()

    def heard(self, node_id: NodeId, /) -> float | None:
        return None

    def usage(self, node_id: NodeId, /) -> Usage | None:
        return None


class HandLedger:
    """Commits when the test says so."""

    def __init__(self) -> None:
        self.commits: list[asyncio.Future[None]] = []
        self.requests: list[RequestRecord | None] = []
        self.recovered = 0
        self.room = True

    async def request(self, key: str) -> RequestRecord | None:
        for record, commit in zip(self.requests, self.commits, strict=True):
            if record is not None and record.key == key and commit.done():
                return record
        return None

    def commit(
        self,
        writes: Writes,
        request: RequestRecord | None = None,
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        self.commits.append(asyncio.get_running_loop().create_future())
        self.requests.append(request)
        return self.commits[-1]

    async def load(self) -> Snapshot:
        return Snapshot(cluster_id="c", revision=7)

    async def recover(self) -> Snapshot:
        self.recovered += 1
        if not self.room:
            raise LedgerFull("still no room")
        return Snapshot(cluster_id="c", revision=7)


class Heard:
    """What left the decider, in order."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self.started_over = asyncio.Event()

    def deliver(self, node_id: NodeId, orders: list[Order]) -> None:
        self.all.extend(orders)

    def publish(self, events: Sequence[TaskEvent]) -> None:
        self.all.extend(event.revision for event in events)

    def touched(self, effects: Effects) -> None:
        pass

    def start_over(self) -> None:
        self.started_over.set()


class Bench:
    """A decider and all that stands around it."""

    def __init__(self) -> None:
        self.script: list[Effects] = []
        self.cores: list[ScriptedCore] = []
        self.ledger = HandLedger()
        self.heard = Heard()
        self.clock = HandClock()
        self.decider = Decider(
            Snapshot(cluster_id="c"), self.build, self.ledger, self.clock, self.heard
        )
        self.running = asyncio.create_task(self.decider.run())

    def build(self, snapshot: Snapshot, now: Instant) -> ScriptedCore:
        self.cores.append(ScriptedCore(snapshot, self.script))
        return self.cores[-1]

    def will(self, revision: int = 0, answer: Answer = None, order: Order | None = None) -> None:
        """Let the next input have this consequence."""
        writes = Writes(events=[an_event(revision)] if revision else [])
        orders = {W1: [order]} if order else {}
        self.script.append(Effects(answer=answer, writes=writes, orders=orders))

    def decide(self) -> asyncio.Task[Answer]:
        """Start deciding something."""
        return asyncio.create_task(self.decider.decide(a_wish()))


def a_wish() -> Stop:
    return Stop(TaskId("t"))


def an_event(revision: int) -> TaskEvent:
    return TaskEvent(revision=revision, at_ms=0, kind=EventKind.TASK_CHANGED)


def removal(number: int) -> Remove:
    return Remove(id=AllocationId(f"t.1.{number}"), reason="")


async def turns(count: int = 8) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)
