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
    Announce,
    Assign,
    Change,
    ForgetAllocation,
    ForgetNode,
    ForgetTask,
    PutTask,
    Record,
    Unassign,
)
from cube.core.cluster import Cluster
from cube.core.effects import Answer, Effects, Held, Rejected, Snapshot, TurnedAway, Welcomed
from cube.core.inputs import (
    Connect,
    Disconnect,
    Input,
    Observe,
    RemoveNode,
    Renew,
    Tick,
)
from cube.core.liveness import Brake, Leases
from cube.core.planning import Planning
from cube.core.roster import settled
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.core.summary import reason_of, state_of
from cube.core.words import plural, seconds
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Condition, Usage
from cube.model.orders import Order
from cube.model.task import TaskState
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
        self._timing = timing
        self._leases = Leases(timing)
        self._brake = Brake(timing)
        self._agenda = Agenda(self.cluster)
        self._planning = Planning(self.cluster, self._agenda, timing, strategy, strategies)
        self._sessions: dict[NodeId, int] = {}  # the epoch of each open session
        self._usage: dict[NodeId, Usage] = {}
        self._orders: dict[NodeId, list[Order]] = {}
        # Settled tasks in the order of their stopping, since when.
        self._stopped: dict[TaskId, int] = {}
        self._states: dict[TaskId, TaskState] = {}
        for task in sorted(self.cluster.tasks.values(), key=lambda task: task.changed_ms):
            self._states[task.id] = state_of(task, self.cluster.rosters[task.id])
            if settled(task, self.cluster.rosters[task.id]):
                self._stopped[task.id] = task.changed_ms
        for node in self.cluster.nodes.values():
            if node.condition is not Condition.LOST:
                self._leases.renew(node.id, now.monotonic)

    def connected(self, node_id: NodeId) -> bool:
        """Whether the node has an open session."""
        return node_id in self._sessions

    def heard(self, node_id: NodeId) -> float | None:
        """When the node was last heard (monotonic seconds); None for one that is given up."""
        return self._leases.heard(node_id)

    def usage(self, node_id: NodeId) -> Usage | None:
        """What the node last said it uses."""
        return self._usage.get(node_id)

    def handle(self, told: Input, now: Instant) -> Effects:
        """Take one input and return its whole consequence."""
        answer = self._take(told, now)
        self._judge_nodes(now)
        more = self._plan(now)
        self._tell_states(now)
        self._forget_old_tasks(now)
        orders, self._orders = self._orders, {}
        return Effects(
            answer=answer,
            writes=self.cluster.take_writes(),
            orders=orders,
            look_again_at=self._next_look(now),
            more=more,
        )

    # -- taking inputs ----------------------------------------------------------------------------------------

    def _take(self, told: Input, now: Instant) -> Answer:
        match told:
            case Observe():
                return self._observe(told, now)
            case Renew():
                return self._renew(told, now)
            case Connect():
                return self._connect(told, now)
            case Disconnect():
                if self._sessions.get(told.node_id) == told.epoch:
                    del self._sessions[told.node_id]
                return None
            case RemoveNode():
                return self._remove_node(told, now)
            case Tick():
                return None
            case _:
                answer, changes = wishes.take(self.cluster, told, now)
                self._do(changes, now)
                return answer

    def _connect(self, hello: Connect, now: Instant) -> Answer:
        known = self.cluster.nodes.get(hello.node_id)
        node = nodes.admit(self.cluster, hello, now)
        if isinstance(node, TurnedAway):
            return node
        self._leases.renew(node.id, now.monotonic)
        self._sessions[node.id] = node.epoch
        self._do([nodes.joined(known, node)], now)
        self._orders[node.id] = nodes.full_orders(self.cluster, hello)
        return Welcomed(node.epoch, self._leases.heartbeat, self._leases.lost_after)

    def _renew(self, lease: Renew, now: Instant) -> Held:
        if self._sessions.get(lease.node_id) != lease.epoch:
            return Held(current=False)
        node = self.cluster.nodes[lease.node_id]
        self._leases.renew(node.id, now.monotonic)
        if lease.usage:
            self._usage[node.id] = lease.usage
        if node.condition is not Condition.READY or node.runtime_error != lease.runtime_error:
            self._do(nodes.heard_again(node, lease.runtime_error, now), now)
        return Held(current=True)

    def _observe(self, said: Observe, now: Instant) -> Held:
        if self._sessions.get(said.node_id) != said.epoch:
            return Held(current=False)
        records, strays = nodes.news(self.cluster, said)
        self._do(records, now)
        for stray in strays:
            self._order(said.node_id, stray)
        return Held(current=True)

    def _remove_node(self, wish: RemoveNode, now: Instant) -> Answer:
        answer, changes = wishes.remove_node(self.cluster, wish, self.connected(wish.node_id))
        if not isinstance(answer, Rejected):
            node = self.cluster.nodes[wish.node_id]
            self._do(nodes.write_offs(self.cluster, node), now)
            self._do(changes, now)
        return answer

    # -- deciding ---------------------------------------------------------------------------------------------

    def _judge_nodes(self, now: Instant) -> None:
        """Judge the silent nodes, the longest silent first, unless too many are silent to believe it."""
        overdue = self._leases.overdue(now.monotonic)
        if not overdue:
            return
        losing: list[NodeId] = []
        for node_id in overdue:
            node = self.cluster.nodes[node_id]
            verdict = self._leases.judge(node_id, now.monotonic)
            if verdict is Condition.LOST:
                losing.append(node_id)
            if node.condition is Condition.READY:
                silence = now.monotonic - (self._leases.heard(node_id) or now.monotonic)
                self._do([nodes.silent(node, Condition.SUSPECT, silence, now)], now)
        if losing and not self._brake.holds(now.monotonic):
            self._give_up(losing, now)

    def _give_up(self, losing: list[NodeId], now: Instant) -> None:
        if self._brake.check(len(losing), len(self.cluster.nodes), now.monotonic):
            words = (
                f"{plural(len(losing), 'node')} of {len(self.cluster.nodes)} fell silent at once: nothing is "
                f"replaced for {seconds(self._timing.brake_hold * 1000)}, the fault may be here"
            )
            self._do([Announce(EventKind.MANAGER_HELD, words)], now)
            return
        for node_id in losing:
            node = self.cluster.nodes[node_id]
            silence = now.monotonic - (self._leases.heard(node_id) or now.monotonic)
            self._leases.drop(node_id)
            self._sessions.pop(node_id, None)
            self._do([nodes.silent(node, Condition.LOST, silence, now)], now)
            self._do(nodes.write_offs(self.cluster, node), now)

    def _plan(self, now: Instant) -> bool:
        """Plan what is marked until nothing is, or for as long as others can wait; True when there is more."""
        self._planning.wake(now)
        room = _PLACEMENTS_AT_ONCE
        while self._agenda.due:
            if room <= 0:
                return True
            changes = self._planning.step(now, room)
            room -= len(changes)
            self._do(changes, now)
        return False

    def _do(self, changes: Iterable[Change], now: Instant) -> None:
        """Apply changes, note what they make due, and queue the orders they mean."""
        for change in changes:
            self.cluster.apply(change, now.wall_ms)
            self._agenda.note(change, self.cluster)
            match change:
                case Assign(allocation=allocation):
                    self._order_for(allocation.node_id, allocation.id)
                    self._forget_predecessors(allocation.task_id, allocation.slot, now)
                case Unassign(allocation_id=allocation_id):
                    self._order_away(allocation_id, now)
                case Record(allocation=allocation) if allocation.gone:
                    self._forget_predecessors(allocation.task_id, allocation.slot, now)
                case PutTask(task=task):
                    self._stopped.pop(task.id, None)
                case ForgetNode(node_id=node_id):
                    self._leases.drop(node_id)
                    self._usage.pop(node_id, None)
                case _:
                    pass

    def _order_away(self, allocation_id: AllocationId, now: Instant) -> None:
        allocation = self.cluster.allocations[allocation_id]
        node = self.cluster.nodes.get(allocation.node_id)
        if node is not None and not (node.condition is Condition.LOST and allocation.ended):
            self._order_for(allocation.node_id, allocation.id)
            return
        # Nobody is there to say that it is gone. Should the node come back, what it holds is ordered away by name.
        gone = nodes.as_gone(allocation)
        self._do([Record(gone, allocation.observed)], now)

    def _order_for(self, node_id: NodeId, allocation_id: AllocationId) -> None:
        order = nodes.order_for(self.cluster, self.cluster.allocations[allocation_id])
        self._order(node_id, order)

    def _order(self, node_id: NodeId, order: Order | None) -> None:
        """Queue an order for a connected worker; another gets everything when it connects."""
        if order and node_id in self._sessions:
            self._orders.setdefault(node_id, []).append(order)

    def _forget_predecessors(self, task_id: TaskId, number: int, now: Instant) -> None:
        slot = self.cluster.slots(task_id)[number]
        gone = [one.id for one in slot.leaving.values() if one.gone]
        for allocation_id in gone:
            self.cluster.apply(ForgetAllocation(allocation_id), now.wall_ms)

    # -- telling ----------------------------------------------------------------------------------------------

    def _tell_states(self, now: Instant) -> None:
        touched, self._agenda.touched = self._agenda.touched, {}
        for task_id in touched:
            task = self.cluster.tasks[task_id]
            roster = self.cluster.rosters[task_id]
            state = state_of(task, roster)
            if settled(task, roster) and task_id not in self._stopped:
                self._stopped[task_id] = now.wall_ms
            if state is not self._states.get(task_id):
                self._states[task_id] = state
                reason = reason_of(task, roster, now.wall_ms)
                words = f"{state}: {reason}" if reason else state.value
                self._do([Announce(EventKind.TASK_STATE, words, task_id, code=state.value)], now)

    def _forget_old_tasks(self, now: Instant) -> None:
        """Drop the records of tasks stopped long ago, or of the oldest when there are very many."""
        oldest = now.wall_ms - self._timing.stopped_task_kept * 1000
        while self._stopped:
            task_id, since = next(iter(self._stopped.items()))
            if since >= oldest and len(self._stopped) <= self._timing.stopped_tasks_kept:
                break
            del self._stopped[task_id]
            self._states.pop(task_id, None)
            self._do([ForgetTask(task_id)], now)

    def _next_look(self, now: Instant) -> float | None:
        """Return when something is due although nothing happens."""
        dues = [self._leases.next_verdict(now.monotonic), self._planning.look_again_at]
        if self._brake.holds(now.monotonic):
            dues.append(self._brake.held_until)
        if self._stopped:
            since = next(iter(self._stopped.values()))
            left = since / 1000 + self._timing.stopped_task_kept - now.wall_ms / 1000
            dues.append(now.monotonic + max(left, 1.0))
        return min([due for due in dues if due is not None], default=None)


_PLACEMENTS_AT_ONCE = 1_000
"""About 20 ms of work: the event loop must not be held for longer than 50."""
