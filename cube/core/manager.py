"""The manager's decisions: told what happened, it says what to record, what to answer and what to order.

Invariants of `handle`:
- nothing but its arguments is read, so the same inputs in the same order lead to the same state;
- every change is in `Effects.writes` with its event, and nothing is ordered that is not in them or in the ledger;
- afterwards no task has planning due, unless `Effects.more` says that there is more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cube.core import nodes, wishes
from cube.core.agenda import Agenda
from cube.core.changes import (
    Adopt,
    Assign,
    Change,
    ForgetAllocation,
    ForgetNode,
    PutImages,
    PutNode,
    PutTask,
    Record,
    Unassign,
    WriteOff,
)
from cube.core.clones import Clones
from cube.core.cluster import Cluster
from cube.core.effects import (
    Answer,
    Effects,
    Held,
    Rebalanced,
    Rejected,
    Snapshot,
    TurnedAway,
    Welcomed,
)
from cube.core.inputs import (
    Connect,
    Described,
    Disconnect,
    EndRecovery,
    Input,
    Observe,
    Rebalance,
    RemoveNode,
    Renew,
    Tick,
)
from cube.core.judging import Judging
from cube.core.moves import Move
from cube.core.outbox import Outbox
from cube.core.planning import PLACEMENTS_AT_ONCE, Planning, effort
from cube.core.recovery import Recovery
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.core.states import States
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Condition, Usage
from cube.model.timing import Instant, Timing


class ManagerCore:
    """The whole judgement of a manager. One instance, one caller at a time."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        timing: Timing,
        strategy: str,
        now: Instant,
        strategies: Mapping[str, Strategy] = STRATEGIES,
    ) -> None:
        self.cluster = Cluster(snapshot)
        self._judging = Judging(self.cluster, timing, now)
        self._clones = Clones(timing)
        self._look_at: float | None = None  # when it asked to be called at the latest
        self._agenda = Agenda(self.cluster)
        self._planning = Planning(self.cluster, self._agenda, timing, strategy, strategies)
        self._recovery = Recovery(self.cluster, timing, now)
        self._sessions: dict[NodeId, int] = {}  # the epoch of each open session
        self._usage: dict[NodeId, Usage] = {}
        self._outbox = Outbox(self.cluster, self._sessions)
        self._states = States(self.cluster, timing)
        for node in self.cluster.nodes.values():
            self._clones.restore(node, now.monotonic)
        self._judging.begin_anew(now)

    def connected(self, node_id: NodeId) -> bool:
        """Whether the node has an open session."""
        return node_id in self._sessions

    def heard(self, node_id: NodeId) -> float | None:
        """When the node was last heard (monotonic seconds); None for one that is given up."""
        return self._judging.leases.heard(node_id)

    def usage(self, node_id: NodeId) -> Usage | None:
        """What the node last said it uses."""
        return self._usage.get(node_id)

    def proposal(self, wish: Rebalance) -> tuple[Move, ...]:
        """Return the moves that a rebalancing would make. Changes nothing."""
        return self._planning.propose(wish)

    @property
    def recovering(self) -> str | None:
        """What a recovery waits for; None when none is going on."""
        return self._recovery.waits_for() if self._recovery.going_on else None

    def handle(self, told: Input, now: Instant) -> Effects:
        """Take one input and return its whole consequence."""
        self._judging.notice_absence(self._look_at, now)
        answer = self._take(told, now)
        if self._recovery.over(now):
            self._end_recovery("every node on record has told what it runs", now)
        more = False
        if not self._recovery.going_on:
            if isinstance(told, Tick):
                self._do(self._judging.verdicts(told, now), now)
            more = self._recovery.listens_until(now) is None and self._plan(now)
        touched = self._tell_states(now)
        self._look_at = self._next_look(now)
        return Effects(
            answer=answer,
            writes=self.cluster.take_writes(),
            orders=self._outbox.take(),
            touched=touched,
            look_again_at=self._look_at,
            more=more,
        )

    # -- taking inputs ----------------------------------------------------------------------------------------

    def _take(self, told: Input, now: Instant) -> Answer:
        match told:
            case Observe() | Renew() | Described() if (
                self._sessions.get(told.node_id) != told.epoch
            ):
                return Held(current=False)
            case Observe():
                return self._observe(told, now)
            case Renew():
                return self._renew(told, now)
            case Connect():
                return self._connect(told, now)
            case Described():
                return self._adopt(told, now)
            case EndRecovery():
                if self._recovery.going_on:
                    self._end_recovery(f"by request; {self._recovery.missing()}", now)
                return None
            case Disconnect():
                if self._sessions.get(told.node_id) == told.epoch:
                    del self._sessions[told.node_id]
                return None
            case Tick():
                return None
            case _ if self._recovery.going_on:
                return self._recovery.refusal()
            case Rebalance():
                return Rebalanced(self._planning.rebalance(told))
            case RemoveNode():
                return self._remove_node(told, now)
            case _:
                answer, changes = wishes.take(self.cluster, told, now)
                self._do(changes, now)
                return answer

    def _connect(self, hello: Connect, now: Instant) -> Answer:
        known = self.cluster.nodes.get(hello.node_id)
        node = nodes.admit(self.cluster, hello, now)
        if isinstance(node, TurnedAway):
            return node
        live, quarantine = self.connected(node.id), bool(known and known.quarantine)
        again = self._clones.refuses(hello, live=live, quarantined=quarantine, at=now.monotonic)
        if known and again:
            self._sessions.pop(node.id, None)
            self._do([] if quarantine else [nodes.quarantined(known, now)], now)
            return TurnedAway(nodes.CLONED)
        self._judging.leases.renew(node.id, now.monotonic)
        self._sessions[node.id] = node.epoch
        joined = (nodes.joined(known, node), PutImages(node.id, hello.images))
        self._do([*self._recovery.notice(hello, now), *joined], now)
        asked = self._recovery.ask(hello, now)
        begin = not self._recovery.going_on
        if begin:
            self._do(nodes.outdated_and_gone(self.cluster, hello), now)
        self._outbox.begin(node.id, nodes.full_orders(self.cluster, hello, asked, begin=begin))
        leases = self._judging.leases
        return Welcomed(node.epoch, leases.heartbeat, leases.lost_after, self.cluster.revision)

    def _renew(self, lease: Renew, now: Instant) -> Held:
        node, leases = self.cluster.nodes[lease.node_id], self._judging.leases
        leases.renew(node.id, now.monotonic)
        if lease.usage:
            self._usage[node.id] = lease.usage
        if lease.images is not None:
            self._do([PutImages(node.id, lease.images)], now)
        if node.condition is not Condition.READY or node.runtime_error != lease.runtime_error:
            self._do(nodes.heard_again(node, lease.runtime_error, now), now)
        return Held(True, leases.heartbeat, leases.lost_after)

    def _observe(self, said: Observe, now: Instant) -> Held:
        self._judging.leases.renew(said.node_id, now.monotonic)  # who tells what it sees is there
        records, strays = nodes.news(self.cluster, said)
        self._do(records, now)
        kept = self._recovery.keep_for_later(said)
        for stray in strays if self._recovery.has_told(said.node_id) else ():
            if stray.id not in kept:
                self._outbox.order(said.node_id, stray)
        return Held(current=True)

    def _adopt(self, told: Described, now: Instant) -> Held:
        for description in told.allocations:
            adopted = self._recovery.adopt(told, description, now)
            if adopted is None:
                stray = nodes.stray(self.cluster, description.id, told.node_id)
                self._outbox.order(told.node_id, stray)
            else:
                self._do(adopted, now)
        return Held(current=True)

    def _end_recovery(self, words: str, now: Instant) -> None:
        self._do([self._recovery.end(words)], now)
        for hello in self._recovery.take_hellos():
            self._do(nodes.outdated_and_gone(self.cluster, hello), now)
        for node_id in self._sessions:
            self._outbox.order_all(node_id)
        self._judging.begin_anew(now)

    def _remove_node(self, wish: RemoveNode, now: Instant) -> Answer:
        answer, changes = wishes.remove_node(self.cluster, wish, self.connected(wish.node_id))
        if not isinstance(answer, Rejected):
            node = self.cluster.nodes[wish.node_id]
            self._do(nodes.write_offs(self.cluster, node), now)
            self._do(changes, now)
        return answer

    # -- deciding ---------------------------------------------------------------------------------------------

    def _plan(self, now: Instant) -> bool:
        """Plan what is marked until nothing is, or for as long as others can wait; True when there is more."""
        self._planning.wake(now)
        room = PLACEMENTS_AT_ONCE
        while self._agenda.due:
            if room <= 0:
                return True
            changes = self._planning.step(now, room)
            # To find that nothing is needed takes time, too.
            room -= max(1, sum(map(effort, changes)))
            self._do(changes, now)
        return False

    def _do(self, changes: Iterable[Change], now: Instant) -> None:
        """Apply changes, note what they make due, and queue the orders they mean."""
        for change in changes:
            self.cluster.apply(change, now.wall_ms)
            self._agenda.note(change, self.cluster)
            match change:
                case Assign(allocation=allocation) | Adopt(allocation=allocation):
                    self._outbox.order_for(allocation.id)
                    self._forget_predecessors(allocation.task_id, allocation.slot, now)
                case Unassign(allocation_id=allocation_id):
                    self._order_away(allocation_id, now)
                case WriteOff(allocation_id=allocation_id):
                    self._outbox.order_for(allocation_id)
                case Record(allocation=allocation) if allocation.ended:
                    self._outbox.order_awaiting(allocation)
                    if allocation.gone:
                        self._forget_predecessors(allocation.task_id, allocation.slot, now)
                case PutTask(task=task):
                    self._states.begin_again(task.id)
                case PutNode(node=node) if node.condition is Condition.LOST:
                    self._sessions.pop(node.id, None)
                case ForgetNode(node_id=node_id):
                    self._judging.leases.drop(node_id)
                    self._usage.pop(node_id, None)
                    self._clones.forget(node_id)
                case _:
                    pass

    def _order_away(self, allocation_id: AllocationId, now: Instant) -> None:
        allocation = self.cluster.allocations[allocation_id]
        node = self.cluster.nodes.get(allocation.node_id)
        absent = node is None or (node.condition is Condition.LOST and allocation.ended)
        if not absent and not self.cluster.awaited(allocation):
            return self._outbox.order_for(allocation.id)
        # Nobody is there to say that it is gone, or it was never ordered to run. Should a lost node come back, what
        # it holds is ordered away by name.
        self._do([Record(nodes.as_gone(allocation), allocation.observed)], now)

    def _forget_predecessors(self, task_id: TaskId, number: int, now: Instant) -> None:
        slot = self.cluster.slots(task_id)[number]
        for one in slot.forgettable:
            self.cluster.apply(ForgetAllocation(one.id), now.wall_ms)

    # -- telling ----------------------------------------------------------------------------------------------

    def _tell_states(self, now: Instant) -> dict[TaskId, None]:
        touched, self._agenda.touched = self._agenda.touched, {}
        self._do(self._states.news(touched, now), now)
        self._do(self._states.too_old(now), now)
        return touched

    def _next_look(self, now: Instant) -> float | None:
        """Return when something is due although nothing happens."""
        if self._recovery.going_on:
            return self._recovery.ends_at()
        judging, planning, states = self._judging, self._planning, self._states
        dues = [judging.leases.due, planning.look_again_at(now), states.next_due(now)]
        dues.append(self._recovery.listens_until(now))
        return min([due for due in dues if due is not None], default=None)
