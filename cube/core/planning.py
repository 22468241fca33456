"""Which planner looks at what, in which order: the slots that changed, then the tasks that wait for the room that
was freed, then the next moves of rolling replacements.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from cube.core.agenda import Agenda
from cube.core.changes import Assign, Change, Wait
from cube.core.cluster import Cluster
from cube.core.drains import Deadlines, drained
from cube.core.inputs import Rebalance
from cube.core.moves import Move
from cube.core.rebalance import Rebalancing, propose
from cube.core.reconcile.displacing import may_displace, plan_better_place, plan_displacement
from cube.core.reconcile.draining import plan_drain
from cube.core.reconcile.needs import demand_for
from cube.core.reconcile.rolling import plan_update
from cube.core.reconcile.slots import SlotsPlan, plan_flight, plan_slots, refused
from cube.core.roster import UNPLACED
from cube.core.scheduler.place import Unplaceable, why_not
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.model.ids import NodeId, TaskId
from cube.model.task import Goal, Task
from cube.model.timing import Instant, Timing


class Planning:
    """Takes marks from the agenda and returns plans. Remembers only when a refusal runs out by itself."""

    def __init__(
        self,
        cluster: Cluster,
        agenda: Agenda,
        timing: Timing,
        strategy: str,
        strategies: Mapping[str, Strategy] = STRATEGIES,
    ) -> None:
        self._cluster = cluster
        self._agenda = agenda
        self._timing = timing
        self._strategies = strategies
        self._default = strategies[strategy]
        self._runs_out: dict[TaskId, float] = {}
        self._rebalancing = Rebalancing(cluster, self._strategy_of)
        self._deadlines = Deadlines(cluster)

    def look_again_at(self, now: Instant) -> float | None:
        """Return when an avoided node may be tried again, or a drain's deadline passes (monotonic); None: never."""
        dues = [*self._runs_out.values(), *self._deadlines.ahead(now)]
        return min(dues, default=None)

    def step(self, now: Instant, room: int) -> list[Change]:
        """Plan one task and return the changes, at most about `room` of them; apply them before the next step."""
        agenda = self._agenda
        if agenda.slots:
            return self._plan_slots(*agenda.take_slots(room), now)
        if agenda.freed:
            return self._retry(now)
        if agenda.rolling:
            task_id, _ = agenda.rolling.popitem(last=False)
            return self._move(task_id, now)
        node_id = agenda.emptied.popitem()[0]
        return drained(self._cluster, node_id, now)

    def propose(self, wish: Rebalance) -> tuple[Move, ...]:
        """Return the moves that would bring replicas to where they would be placed today."""
        single = wish.include_single
        moves = propose(
            self._cluster, self._strategy_of, most=wish.max_moves, include_single=single
        )
        return tuple(moves)

    def rebalance(self, wish: Rebalance) -> tuple[Move, ...]:
        """Propose moves and make them from now on, one after the other."""
        moves = self.propose(wish)
        self._rebalancing.begin(moves)
        self._watch_rebalancing()
        return moves

    def _watch_rebalancing(self) -> None:
        """Have the next move looked at when something happens to the task that moves."""
        self._agenda.moving = self._rebalancing.task_id
        if self._agenda.moving is not None:
            self._agenda.rolling[self._agenda.moving] = None

    def wake(self, now: Instant) -> None:
        """Mark the tasks whose avoided nodes may be tried again, and those on nodes whose deadline has passed."""
        for node_id in self._deadlines.passed(now):
            self._agenda.mark_drain(node_id)
        for task_id in [one for one, due in self._runs_out.items() if due <= now.monotonic]:
            del self._runs_out[task_id]
            self._agenda.mark(task_id, self._agenda.waiting.pop(task_id, ()))
            if task_id in self._agenda.stuck:
                self._agenda.rolling[task_id] = None

    def _plan_slots(self, task_id: TaskId, numbers: set[int], now: Instant) -> list[Change]:
        task = self._cluster.tasks.get(task_id)
        if task is None:
            return []
        self._stop_waiting(task_id, numbers)
        strategy = self._strategy_of(task)
        plan = plan_slots(
            self._cluster, task, numbers, strategy=strategy, timing=self._timing, now=now
        )
        if plan.later:
            self._agenda.mark(task_id, plan.later)
        if task.spec.preempt and plan.unplaced:
            # What found a place is recorded first: whom to displace is asked of what is left then.
            changes = plan.changes or self._displace(task, plan, now)
            if changes:
                self._agenda.mark(task_id, numbers)
                return changes
        changes = plan.changes + self._wait(task, plan)
        slots = self._cluster.rosters[task_id].slots
        for number in sorted(numbers):
            changes += plan_flight(
                self._cluster, task, slots[number], strategy=strategy, timing=self._timing, now=now
            )
        return changes

    def _retry(self, now: Instant) -> list[Change]:
        """Offer freed nodes to every waiting task in turn; tasks that take nothing cost one look per freed node."""
        freed = frozenset(self._agenda.freed)
        self._agenda.freed = set()
        if changes := self._better_places(now, freed):
            self._agenda.freed = set(freed)
            return changes
        for task_id in self._agenda.in_turn():
            task, numbers = self._cluster.tasks[task_id], self._agenda.waiting[task_id]
            plan = plan_slots(
                self._cluster,
                task,
                numbers,
                strategy=self._strategy_of(task),
                timing=self._timing,
                now=now,
                only=freed,
            )
            placed = plan.changes or self._displace(task, plan, now, freed)
            if placed:
                # What is placed changes the nodes for those behind: look at them again after it is applied.
                self._agenda.freed = set(freed)
                self._stop_waiting(
                    task_id, {one.allocation.slot for one in placed if isinstance(one, Assign)}
                )
                return placed
            changes += self._reword(task, numbers)
        return changes

    def _better_places(self, now: Instant, freed: frozenset[NodeId]) -> list[Change]:
        """Let those go that await room while there is some elsewhere; they are placed there next."""
        changes: list[Change] = []
        for allocation_id in self._cluster.awaiting:
            allocation = self._cluster.allocations[allocation_id]
            task = self._cluster.tasks[allocation.task_id]
            slot = self._cluster.rosters[task.id].slots[allocation.slot]
            changes = plan_better_place(
                self._cluster, task, slot, self._strategy_of(task), now, freed
            )
            if changes:
                break  # the next may want the same room
        return changes

    def _displace(
        self, task: Task, plan: SlotsPlan, now: Instant, only: frozenset[NodeId] | None = None
    ) -> list[Change]:
        if not task.spec.preempt or not plan.unplaced:
            return []
        slots = self._cluster.rosters[task.id].slots
        refused_ones = [slots[number] for number in plan.unplaced]
        return plan_displacement(self._cluster, task, refused_ones, now, only)

    def _reword(self, task: Task, numbers: set[int]) -> list[Change]:
        """Say anew why a task waits, where that costs little, so that the reason on the screen is true."""
        if len(self._cluster.nodes) > _REWORD_NODES:
            return []
        slots = self._cluster.rosters[task.id].slots
        slot = slots[min(numbers)]
        avoid = {node: why for node, (_, why) in slot.avoid.items()}
        demand = demand_for(self._cluster, task, slot, avoid)
        words = why_not(demand, self._cluster.inventory)
        if words is None:
            return []
        wait = self._refused(task, sorted(numbers), words)
        return [] if wait.why == slot.waiting else [wait]

    def _move(self, task_id: TaskId, now: Instant) -> list[Change]:
        task = self._cluster.tasks.get(task_id)
        changes: list[Change] = []
        if task is not None and task.goal is Goal.RUN:
            changes = plan_update(self._cluster, task, strategy=self._strategy_of(task))
            if not changes and self._cluster.draining:
                changes = self._drain(task, now)
        if not changes and task_id == self._agenda.moving:
            changes = self._rebalance_on()
        return changes

    def _drain(self, task: Task, now: Instant) -> list[Change]:
        plan = plan_drain(
            self._cluster,
            task,
            strategy=self._strategy_of(task),
            timing=self._timing,
            now=now,
            expired=self._deadlines.expired(now),
        )
        if plan.changes:
            self._agenda.rolling[task.id] = None  # the next one may leave at the same time
        elif plan.stuck:
            self._agenda.stuck[task.id] = None
            slots = self._cluster.slots(task.id).values()
            dues = [until for slot in slots for until, _ in slot.avoided(now.monotonic).values()]
            if dues:
                self._runs_out[task.id] = min([*dues, self._runs_out.get(task.id, dues[0])])
        return plan.changes

    def _rebalance_on(self) -> list[Change]:
        """Make the next move when the one before is settled."""
        changes = self._rebalancing.step()
        if self._rebalancing.task_id != self._agenda.moving or changes:
            self._watch_rebalancing()
        return changes

    def _wait(self, task: Task, plan: SlotsPlan) -> list[Change]:
        if plan.look_again_at is not None:
            due = self._runs_out.get(task.id, plan.look_again_at)
            self._runs_out[task.id] = min(due, plan.look_again_at)
        if not plan.unplaced or plan.refusal is None:
            return []
        self._agenda.waiting.setdefault(task.id, set()).update(plan.unplaced)
        wait = self._refused(task, plan.unplaced, plan.refusal)
        slots = self._cluster.rosters[task.id].slots
        if all(slots[number].waiting == wait.why for number in plan.unplaced):
            return []
        if all(slots[number].waiting == UNPLACED for number in plan.unplaced):
            wait = replace(wait, told=False)
        return [wait]

    def _refused(self, task: Task, numbers: list[int], refusal: Unplaceable) -> Wait:
        slots = self._cluster.rosters[task.id].slots
        sought = task.spec.preempt and all(may_displace(slots[number].latest) for number in numbers)
        return refused(task, numbers, refusal, victims_sought=sought)

    def _stop_waiting(self, task_id: TaskId, numbers: set[int]) -> None:
        waiting = self._agenda.waiting.get(task_id)
        if waiting:
            waiting -= numbers
            if not waiting:
                del self._agenda.waiting[task_id]

    def _strategy_of(self, task: Task) -> Strategy:
        # A name that is not there was installed when the task was admitted, and is no longer.
        return self._strategies.get(task.spec.strategy, self._default)


def effort(change: Change) -> int:
    """How many placements the change took the time of: whom to displace is a longer question."""
    return 100 if isinstance(change, Assign) and change.allocation.awaits else 1


PLACEMENTS_AT_ONCE = 500
"""About 15 ms of work with its records: the event loop must not be held for longer than 50, on a busy machine too."""
_REWORD_NODES = 100
"""Beyond, the reason of a waiting task is worded anew only when it is looked at again."""
