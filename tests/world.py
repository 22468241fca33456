"""A manager's core with hand-turned time, a ledger that remembers its writes, and workers played by the test."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from cube.core.effects import Effects, Snapshot, Welcomed
from cube.core.inputs import Connect, Input, Observe, Renew, Stop, Submit, Tick
from cube.core.invariants import violations
from cube.core.manager import ManagerCore
from cube.core.summary import Summary, summarise
from cube.model.allocation import Allocation, Health, Observed, Phase
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Facts
from cube.model.orders import Describe, Holding, Order, Remove
from cube.model.resources import Resources
from cube.model.spec import TaskSpec
from cube.model.task import Task
from cube.model.timing import DEFAULT_TIMING, Instant, Timing
from tests.builders import CAPACITY, a_spec, node_id, task_id

Key = TypeVar("Key")
Kept = TypeVar("Kept")


class World:
    """Everything a test of the manager's core needs. Invariants are checked after every input."""

    def __init__(self, *, timing: Timing = DEFAULT_TIMING, strategy: str = "spread") -> None:
        self.timing = timing
        self.strategy = strategy
        self.now = Instant(1_000.0, 1_700_000_000_000)
        self.ledger = Snapshot(cluster_id="c1")
        self.events: list[TaskEvent] = []
        self.orders: dict[NodeId, list[Order]] = {}
        self.epochs: dict[NodeId, int] = {}
        self.sequence = 0
        self.core = self._new_core()

    def _new_core(self) -> ManagerCore:
        return ManagerCore(self.ledger, timing=self.timing, strategy=self.strategy, now=self.now)

    # -- what happens ---------------------------------------------------------------------------------------

    def tell(self, told: Input) -> Effects:
        """Hand an input to the core, record and order what it says, and go on until it has no more to do."""
        effects = self.core.handle(told, self.now)
        self._take(effects)
        further = effects
        while further.more:
            further = self.core.handle(Tick(), self.now)
            self._take(further)
        return effects

    def _take(self, effects: Effects) -> None:
        writes = effects.writes
        tasks = _fold({one.id: one for one in self.ledger.tasks}, writes.tasks)
        allocations = _fold({one.id: one for one in self.ledger.allocations}, writes.allocations)
        nodes = _fold({one.id: one for one in self.ledger.nodes}, writes.nodes)
        revisions = [event.revision for event in writes.events]
        lineage = writes.lineage or self.ledger.lineage
        first = max(self.ledger.revision, lineage.revision) + 1
        assert revisions == list(range(first, first + len(revisions)))
        self.events += writes.events
        self.ledger = Snapshot(
            cluster_id="c1",
            revision=first + len(revisions) - 1,
            lineage=lineage,
            tasks=list(tasks.values()),
            allocations=list(allocations.values()),
            nodes=list(nodes.values()),
        )
        for node, orders in effects.orders.items():
            self.orders.setdefault(node, []).extend(orders)
        assert violations(self.core.cluster) == []

    def restart_manager(self) -> None:
        """Begin again from the ledger, as after a crash; all sessions are gone."""
        self.epochs.clear()
        self.core = self._new_core()
        self.tell(Tick())

    def put_back(self, ledger: Snapshot, *, marked: bool = True) -> None:
        """Begin from a former state of the ledger, as `cube manager restore` does; unmarked: as a copy by hand."""
        if marked:
            lineage = ledger.lineage.put_back(ledger.revision, now_ms=self.now.wall_ms)
            ledger = replace(ledger, lineage=lineage, revision=lineage.revision)
        self.ledger = ledger
        self.orders.clear()
        self.restart_manager()

    def pass_time(self, seconds: float, *, silent: tuple[str, ...] = ()) -> None:
        """Let time pass in steps of half a heartbeat; connected workers renew, but for the silent ones."""
        end = self.now.monotonic + seconds
        while self.now.monotonic < end:
            step = min(0.5, end - self.now.monotonic)
            self.now = Instant(self.now.monotonic + step, self.now.wall_ms + round(step * 1000))
            for node, epoch in list(self.epochs.items()):
                if node not in {node_id(name) for name in silent}:
                    self.tell(Renew(node, epoch))
            self.tell(Tick())

    # -- what users do --------------------------------------------------------------------------------------

    def submit(self, name: str = "web", **fields: object) -> Task:
        """Submit a task and return it as it is now on record."""
        self.tell(Submit(task_id(name), a_spec(name=name, **fields)))
        return self.task(name)

    def submit_spec(self, spec: TaskSpec) -> Effects:
        """Submit this very spec."""
        return self.tell(Submit(task_id(spec.name), spec))

    def stop(self, name: str) -> Effects:
        """Stop a task."""
        return self.tell(Stop(task_id(name)))

    # -- what workers do ------------------------------------------------------------------------------------

    def join(
        self,
        *names: str,
        capacity: Resources = CAPACITY,
        holding: tuple[AllocationId | Holding, ...] = (),
        **facts: object,
    ) -> None:
        """Connect workers of these names. The orders they had before are forgotten: the answer is complete."""
        for name in names:
            self.orders[node_id(name)] = []
            answer = self.tell(
                Connect(
                    node_id=node_id(name),
                    cluster_id="c1",
                    facts=Facts(name=name, capacity=capacity, **facts),  # type: ignore[arg-type]
                    holding=tuple(
                        one if isinstance(one, Holding) else Holding(id=one) for one in holding
                    ),
                )
            ).answer
            assert isinstance(answer, Welcomed)
            self.epochs[node_id(name)] = answer.epoch

    def report(self, allocation: Allocation, **seen: object) -> Effects:
        """Have the allocation's worker report this of it; sequence and restart go on by themselves."""
        self.sequence += 1
        restart = seen.pop("restart", allocation.observed.restart)
        observed = Observed(sequence=self.sequence, restart=restart, at_ms=self.now.wall_ms, **seen)  # type: ignore[arg-type]
        return self.tell(
            Observe(
                allocation.node_id,
                self.epochs.get(allocation.node_id, 0),
                ((allocation.id, observed),),
            )
        )

    def run_all(self, *names: str, health: Health = Health.NONE) -> None:
        """Every worker does as ordered: runs what it was told to run and removes what it was told to remove."""
        for _ in range(1_000):
            busy = False
            for node in [node_id(name) for name in names] or list(self.epochs):
                orders, self.orders[node] = self.orders.get(node, []), []
                for order in orders:
                    busy = True
                    self._obey(order, node, health)
            if not busy:
                return
        raise AssertionError("the manager never stops ordering")

    def obey_one(self) -> None:
        """The first connected worker with an order does what it says."""
        node = next(node for node in self.epochs if self.orders.get(node))
        self._obey(self.orders[node].pop(0), node, Health.NONE)

    def _obey(self, order: Order, node: NodeId, health: Health) -> None:
        if isinstance(order, Describe):
            return  # what a worker knows is for the test to say
        known = self.core.cluster.allocations.get(order.id)
        self.sequence += 1
        if isinstance(order, Remove):
            seen = Observed(phase=Phase.REMOVED, sequence=self.sequence)
        else:
            restart = known.observed.restart if known else 0
            seen = Observed(
                phase=Phase.RUNNING, sequence=self.sequence, restart=restart, health=health
            )
        self.tell(Observe(node, self.epochs[node], ((order.id, seen),)))

    # -- what is seen ---------------------------------------------------------------------------------------

    def task(self, name: str) -> Task:
        """The task of that name."""
        found = self.core.cluster.named(name)
        assert found
        return found

    def summary(self, name: str = "web") -> Summary:
        """The task in one line."""
        return summarise(self.task(name), self.core.cluster, self.now.wall_ms)

    def latest(self, name: str = "web", slot: int = 1) -> Allocation:
        """The newest allocation of a slot."""
        found = self.core.cluster.slots(self.task(name).id)[slot].latest
        assert found
        return found

    def where(self, name: str = "web") -> dict[int, str]:
        """The node of each live slot."""
        return {
            number: self.core.cluster.nodes[slot.latest.node_id].name
            for number, slot in sorted(self.core.cluster.slots(self.task(name).id).items())
            if slot.latest and slot.latest.live
        }

    def told(self, *kinds: EventKind) -> list[TaskEvent]:
        """The events of these kinds so far."""
        return [event for event in self.events if event.kind in kinds]

    def live_ids(self) -> set[AllocationId]:
        """The allocations that fill their slots."""
        return {one.id for one in self.core.cluster.allocations.values() if one.live}


def _fold(records: dict[Key, Kept], written: dict[Key, Kept | None]) -> dict[Key, Kept]:
    """What a ledger holds after a transaction."""
    return {key: one for key, one in (records | written).items() if one is not None}


def as_recorded(allocation: Allocation) -> Allocation:
    """The allocation without what is not worth a write: progress and repetition."""
    seen = replace(allocation.observed, sequence=0, epoch=0, at_ms=0, message="")
    return replace(allocation, observed=seen)


def task_of(world: World, name: str) -> TaskId:
    """The id of a task that the world knows."""
    return world.task(name).id
