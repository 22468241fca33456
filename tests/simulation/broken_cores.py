"""Cores that break a promise on purpose, each in one way that a person could have written by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from cube.core import manager, nodes, wishes
from cube.core.changes import Change, PutTask
from cube.core.clones import Clones
from cube.core.cluster import Cluster
from cube.core.effects import Answer, Writes
from cube.core.inputs import Input, Observe, Renew
from cube.core.judging import Judging
from cube.core.liveness import Brake
from cube.core.manager import ManagerCore
from cube.core.reconcile import displacing, draining, relief, rolling, slots
from cube.core.recovery import Recovery
from cube.core.roster import Roster, Slot
from cube.core.scheduler.inventory import Inventory
from cube.core.worker import core as worker_core
from cube.core.worker import outcome
from cube.core.worker.core import WorkerCore
from cube.core.worker.fence import Fenced
from cube.core.worker.inputs import LeaseConfirmed, Ordered, SessionOpened, WorkerInput
from cube.core.worker.lease import Lease
from cube.core.worker.plan import next_step
from cube.core.worker.steps import Create, Step, WorkerEffects
from cube.core.worker.workload import Workload
from cube.model.allocation import Allocation, Failure, FailureKind, Observed
from cube.model.container import ContainerSeen
from cube.model.ids import AllocationId, NodeId, allocation_id
from cube.model.orders import Order, Remove, Run
from cube.model.task import Goal, Task
from cube.model.timing import Instant
from tests.simulation.decider import Decider, Decision
from tests.simulation.ledger import Commit
from tests.simulation.schedule import Clock
from tests.simulation.world import Parts

WALL = 1_700_000_000.0


def _nothing() -> None:
    """Nobody waits for this."""


# -- the commit loop --------------------------------------------------------------------------------------------


class AcknowledgesBeforeCommit(Decider):
    """The user is answered when the change is decided."""

    def _commit(self, decision: Decision, commit: Commit) -> None:
        if decision.told is not None:
            decision.told(decision.answers)
            decision.told = None
        super()._commit(decision, commit)


class OrdersBeforeCommit(Decider):
    """Orders leave when they are decided."""

    def _commit(self, decision: Decision, commit: Commit) -> None:
        for node_id, orders in decision.effects.orders.items():
            self._deliver(node_id, orders)
        decision.effects.orders = {}
        super()._commit(decision, commit)


class RecordsRequestsLater(Decider):
    """The idempotency record has a transaction of its own."""

    def _commit(self, decision: Decision, commit: Commit) -> None:
        if commit.request is not None and commit.writes:
            alone = Commit(commit.writes, None, commit.cause, _nothing, _nothing)
            self._ledger.commit(self._process, alone)
            commit = Commit(Writes(), commit.request, "", _nothing, _nothing)
        super()._commit(decision, commit)


class TakesFailureForSuccess(Decider):
    """A commit that failed counts as made."""

    def _commit(self, decision: Decision, commit: Commit) -> None:
        super()._commit(decision, commit)
        commit.failed = commit.done


# -- the manager's core -----------------------------------------------------------------------------------------


class HeedsOldSessions(ManagerCore):
    """No check of the epoch."""

    def _take(self, told: Input, now: Instant) -> Answer:
        if isinstance(told, Observe | Renew):
            self._sessions[told.node_id] = told.epoch
        return super()._take(told, now)


class BeginsWithOldLeases(ManagerCore):
    """After a start every node counts as not heard since long ago."""

    def __init__(self, *told: Any, now: Instant, **more: Any) -> None:
        super().__init__(*told, now=now, **more)
        for node_id in self.cluster.nodes:
            if (leases := self._judging.leases).heard(node_id) is not None:
                leases.renew(node_id, now.monotonic - leases.lost_after)


def notice_nothing(judging: Judging, look_at: float | None, now: Instant) -> None:
    """A manager that was paused judges leases before it has read those that came meanwhile."""


class ForgetsThatItForgot(Recovery):
    """What is not on record is a stranger, also where the record was lost."""

    def was_lost(self, allocation_id: AllocationId, revision: int) -> bool:
        return False


class ForgetsStops(Cluster):
    """A stop is decided and not written down."""

    def apply(self, change: Change, wall_ms: int) -> None:
        super().apply(change, wall_ms)
        if isinstance(change, PutTask) and change.task.goal is Goal.STOP:
            self._writes.tasks.pop(change.task.id)


def same_generation(slot: Any, *more: Any, **named: Any) -> Allocation:
    """The next stay of a slot has the number of the one before."""
    made = _next_stay(slot, *more, **named)
    generation = max(1, slot.generation)
    return replace(
        made, generation=generation, id=allocation_id(made.task_id, slot.number, generation)
    )


_next_stay = slots.next_stay


def displace_equals(
    cluster: Cluster, task: Task, slot: Any, now: Instant, only: Any
) -> list[Change]:
    """Whoever has the same priority has to go, too."""
    raised = replace(task, spec=replace(task.spec, priority=task.spec.priority + 1))
    return _for_slot(cluster, raised, slot, now, only)


_for_slot = displacing._for_slot


def believe(allocation: Allocation, observed: Observed) -> Allocation:
    """What was said last is what is so."""
    return allocation if allocation.gone else replace(allocation, observed=observed)


def wait_for_room(roster: Roster, task: Task) -> int | None:
    """A replica that waits for room holds the update of all others."""
    return 0 if _out_of_work(roster, task) == 0 else None


_out_of_work = rolling.out_of_work


def keep_ports(
    inventory: Inventory, node_id: Any, task_id: Any, demand: Any, _ports: Any, devices: Any = ()
) -> None:
    """The memory is free again, the ports are not."""
    _let_go(inventory, node_id, task_id, demand, (), devices)


_let_go = Inventory.let_go


def count_again(brake: Brake, losing: Any, nodes: int, at: float) -> bool:
    """A node that comes and goes counts each time."""
    losing = {NodeId(f"{one} at {at}"): heard for one, heard in losing.items()}
    return _check(brake, losing, nodes, at)


_check = Brake.check


def revive(cluster: Cluster, wish: Any, now: Instant) -> Any:
    """Any change of a stopped task starts it."""
    task = cluster.tasks.get(wish.task_id)
    if task is None:
        return _scale(cluster, wish, now)
    return wishes._revised(task, replace(task.spec, replicas=wish.replicas), now, template=False)


_scale = wishes.scale


# -- the worker's core ------------------------------------------------------------------------------------------


class RemovesWhatIsNotNamed(WorkerCore):
    """What a session's first orders leave out is taken for unwanted."""

    _first = False

    def handle(self, input: WorkerInput, now: Instant) -> WorkerEffects:
        if isinstance(input, SessionOpened):
            self._first = True
        elif isinstance(input, Ordered) and self._first:
            self._first = False
            named = {order.id for order in input.orders}
            others = [one.id for one in self.workloads() if one.id not in named]
            orders = (*input.orders, *(Remove(id=id, reason="not named") for id in others))
            input = Ordered(orders)
        return super().handle(input, now)


class CountsLeaseFromReceipt(WorkerCore):
    """A lease begins when it is confirmed."""

    def handle(self, input: WorkerInput, now: Instant) -> WorkerEffects:
        if isinstance(input, LeaseConfirmed | SessionOpened):
            input = replace(input, sent_at=now.monotonic)
        return super().handle(input, now)


class ReportsRemovalAtOnce(WorkerCore):
    """An order to remove is answered before it is carried out."""

    def _order_removal(self, workload: Workload, now: float) -> None:
        super()._order_removal(workload, now)
        workload.removed = True


class CountsFromNought(WorkerCore):
    """Where nothing is there, runs are numbered from 0, whatever ran before."""

    def _order(self, order: Order, now: float, effects: WorkerEffects) -> Workload | None:
        if isinstance(order, Run):
            order = replace(order, first_restart=0, runs_over=0)
        return super()._order(order, now, effects)


class StopsWhenUnheard(WorkerCore):
    """Every container is stopped when the lease runs out, also those that are to be kept."""

    def handle(self, input: WorkerInput, now: Instant) -> WorkerEffects:
        with patch.object(Lease, "allows", lambda lease, _, at: at < lease.halt_at):
            return super().handle(input, now)


def repeat_under_new_number(
    workload: Workload, step: Step, failure: Failure, now: float, **more: Any
) -> None:
    """A create without an answer is tried again as another run."""
    _failed(workload, step, failure, now, **more)
    if isinstance(step, Create) and failure.kind is FailureKind.ENGINE_SLOW:
        workload.restart += 1


_failed = outcome.failed


def cut_pause_short(
    workload: Workload, step: Step, seen: ContainerSeen | None, took_ms: int, now: float
) -> bool:
    """Any success ends the pause, also one that has begun since the step was."""
    workload.not_before = 0.0
    return _succeeded(workload, step, seen, took_ms, now)


_succeeded = outcome.succeeded


def start_again(workload: Workload, now: float, **more: Any) -> Step | None:
    """What was removed is made again."""
    step = next_step(workload, now, **more)
    gone = workload.removing and workload.step is None and not workload.containers
    if step is None and gone and workload.spec is not None and not workload.removed:
        return Create(workload.id, workload.restart + 1, workload.spec)
    return step


# -- clocks -----------------------------------------------------------------------------------------------------


class WallClock(Clock):
    """Durations are differences of the wall clock."""

    def monotonic(self) -> float:
        return super().monotonic() + (self.wall - WALL)

    def now(self) -> Instant:
        wall = self.monotonic()
        return Instant(wall, round((wall + WALL) * 1000))

    def due(self, monotonic: float) -> float:
        return super().due(monotonic - (self.wall - WALL))


class Variant(msgspec.Struct, frozen=True):
    """A broken core: the parts it is made of, and what is patched while it runs."""

    parts: Parts = Parts()
    patched: Callable[[], AbstractContextManager[Any]] = nullcontext


def _patched(target: Any, name: str, wrong: Any) -> Variant:
    @contextmanager
    def patching() -> Iterator[None]:
        with patch.object(target, name, wrong):
            yield

    return Variant(patched=patching)


VARIANTS = {
    "acknowledges before the commit": Variant(Parts(decider=AcknowledgesBeforeCommit)),
    "orders before the commit": Variant(Parts(decider=OrdersBeforeCommit)),
    "records requests in a later transaction": Variant(Parts(decider=RecordsRequestsLater)),
    "takes a failed commit for made": Variant(Parts(decider=TakesFailureForSuccess)),
    "heeds old sessions": Variant(Parts(manager_core=HeedsOldSessions)),
    "begins with old leases": Variant(Parts(manager_core=BeginsWithOldLeases)),
    "holds its own absence against others": _patched(Judging, "notice_absence", notice_nothing),
    "does not record stops": _patched(manager, "Cluster", ForgetsStops),
    "takes what it lost for strange": _patched(manager, "Recovery", ForgetsThatItForgot),
    "uses a generation twice": _patched(slots, "next_stay", same_generation),
    "places the successor before the former is gone": _patched(
        Slot, "clear", property(lambda _: True)
    ),
    "displaces equals": _patched(displacing, "_for_slot", displace_equals),
    "starts in room that is not free yet": _patched(Cluster, "awaited", lambda *_: []),
    "believes any observation": _patched(nodes, "observe", believe),
    "never frees a host port": _patched(Inventory, "let_go", keep_ports),
    "revives what was stopped": _patched(wishes, "scale", revive),
    "has no brake": _patched(Brake, "check", lambda *_: False),
    "counts one lost node again and again": _patched(Brake, "check", count_again),
    "orders the new spec in the place of the old": _patched(nodes, "_outdated", lambda *_: []),
    "stops before the relief is ready": _patched(relief, "_takes_over", lambda *_: True),
    "drains all at once": _patched(draining, "out_of_work", lambda *_: 0),
    "forgets who stands by": _patched(slots, "settle_relief", lambda *_: []),
    "updates nothing while a replica waits": _patched(rolling, "out_of_work", wait_for_room),
    "lets clones push each other out": _patched(Clones, "refuses", lambda *_, **__: False),
    "removes what is not named": Variant(Parts(worker_core=RemovesWhatIsNotNamed)),
    "counts the lease from its receipt": Variant(Parts(worker_core=CountsLeaseFromReceipt)),
    "ignores the lease": _patched(Lease, "halt_at", float("inf")),
    "fences nothing": _patched(Fenced, "note", lambda *_: None),
    "reports a removal before it is done": Variant(Parts(worker_core=ReportsRemovalAtOnce)),
    "numbers runs from nought": Variant(Parts(worker_core=CountsFromNought)),
    "stops what is to be kept": Variant(Parts(worker_core=StopsWhenUnheard)),
    "repeats a create under a new number": _patched(worker_core, "failed", repeat_under_new_number),
    "cuts a pause short": _patched(worker_core, "succeeded", cut_pause_short),
    "starts again what was removed": _patched(worker_core, "next_step", start_again),
    "trusts the wall clock": Variant(Parts(clock=WallClock)),
}
"""Each by what it does wrong."""
