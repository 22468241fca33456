"""Sees everything, trusts nobody, and objects at the first broken promise. The table of the rules is in README.md.

What is decided here rests on what truly happened: which containers ran when, what was on the disk, who was told what.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cube.core.effects import Effects, Held, Welcomed, Writes
from cube.core.inputs import Connect, Input, Observe, Renew
from cube.core.invariants import violations
from cube.core.manager import ManagerCore
from cube.core.worker.inputs import LeaseConfirmed, Ordered, SessionOpened, WorkerInput
from cube.core.worker.steps import Create, Discard, Halt, Start, Step, WorkerEffects
from cube.model.allocation import ASSIGNED, Allocation, Phase, Wanted
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, TaskId, split_allocation_id
from cube.model.node import Condition
from cube.model.orders import Order, Remove, Run
from cube.model.spec import OnDisconnect, TaskSpec
from cube.model.task import Goal
from tests.simulation.containers import Container
from tests.simulation.drains import lowered
from tests.simulation.pauses import Pauses
from tests.simulation.priorities import undue
from tests.simulation.schedule import Schedule
from tests.simulation.story import Story

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.ledger import Commit, Ledger, Reply
    from tests.simulation.worker import Worker

STARTS_WINDOW, STARTS_MOST = 10.0, 12  # by policy a crash loop begins 9 runs in its first 10 s
STEPS_MOST = 30  # of one allocation within a second
ABSENCE = 5.0  # the manager notices one that is longer than a second beyond the next verdict, which is due within 2
CLONE_WINDOW, CLONE_RETURNS = 59.0, 2  # of one that was pushed out, in the place of who did that
BRAKE_WINDOW, BRAKE_HOLD = 9.0, 59.0  # the manager's 10 s and 60 s, by a clock that drifts
SETTLING = 8.0  # so long after a trouble of a host its exclusive containers may still be in each other's way


class Broken(Exception):
    """A promise was broken."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(f"{rule}: {sentence}")
        self.rule = rule


class Witness:
    """Keeps the books that the rules are checked against. One for a history."""

    def __init__(self, schedule: Schedule, story: Story) -> None:
        self.story = story
        self.hosts: list[Host] = []
        self.ledger: Ledger
        self._schedule = schedule
        self._generations: dict[tuple[TaskId, int], int] = {}
        self._recorded: dict[AllocationId, int] = {}  # when they were assigned
        self._specs: dict[AllocationId, TaskSpec] = {}  # what each was assigned to run
        self._removed: set[tuple[NodeId, AllocationId]] = set()  # of whom that was ordered
        self._held: dict[NodeId, set[AllocationId]] = {}  # as each node said last
        self._applied: set[str] = set()  # requests of which a change was recorded
        self._acknowledged: dict[str, Reply] = {}
        self._stopped: dict[TaskId, str] = {}  # acknowledged, and nobody asked for anything since
        self._runs: dict[AllocationId, int] = defaultdict(
            int
        )  # that truly began, or were taken away
        self._starts: dict[AllocationId, deque[float]] = defaultdict(deque)
        self._pauses = Pauses()
        self._steps: dict[AllocationId, deque[float]] = defaultdict(
            lambda: deque(maxlen=STEPS_MOST)
        )
        self._leases: dict[NodeId, tuple[Worker, float]] = {}  # by whom confirmed, true end
        self._given_up: deque[tuple[float, NodeId]] = deque(maxlen=100)  # by this manager
        self._held_at = -1e9  # when the manager last suspected itself
        self._stale = self._live = False
        self._sessions: dict[NodeId, list[tuple[float, str, bool]]] = defaultdict(list)
        self._woke_at = -1e9  # when the manager last went on after a pause
        self._unread: set[NodeId] = set()  # whose leases waited to be read then
        self._forgiven: set[AllocationId] = set()  # ordered away by a ledger that was put back
        self._was_put_back = False
        self._put_back_at = -1.0
        self._heard_since: set[AllocationId] = set()  # ordered to run by the present ledger

    # -- the manager --------------------------------------------------------------------------------------------

    def manager_begins(self, core: ManagerCore) -> None:
        """A manager was built from the ledger: everything acknowledged is in it."""
        self._given_up.clear()
        self._sessions.clear()
        self.nothing_acknowledged_is_lost()
        self._check_cluster(core)

    def manager_wakes(self, unread: set[NodeId], paused_at: float) -> None:
        """A paused manager goes on, and has not read yet what these nodes sent."""
        # A short pause is no absence; and after two in a row the leases of before the first one count.
        short = self._schedule.now - paused_at < ABSENCE
        again = paused_at - self._woke_at < ABSENCE
        self._woke_at, self._unread = self._schedule.now, set() if short or again else unread

    def about_to_decide(self, core: ManagerCore, told: Input) -> None:
        """Note whether what the core is told comes from a session that was replaced."""
        self._stale = False
        if isinstance(told, Connect):
            self._live = core.connected(told.node_id)
            self._held[told.node_id] = {one.id for one in told.holding}
        if isinstance(told, Renew | Observe):
            node = core.cluster.nodes.get(told.node_id)
            self._stale = node is not None and told.epoch < node.epoch

    def manager_decided(self, core: ManagerCore, told: Input, effects: Effects) -> None:
        """Check a decision before it is recorded."""
        if self._stale and isinstance(effects.answer, Held) and effects.answer.current:
            raise Broken("I4", f"{type(told).__name__} of a session that was replaced was heeded")
        if isinstance(told, Connect):
            self._check_clones(told, effects)
        for node_id, node in effects.writes.nodes.items():
            if node is None:  # an administrator removed it: who called as it is forgotten with it
                self._sessions.pop(node_id, None)
        if effects.writes:
            self._check_cluster(core)
            for sentence in undue(effects.writes, core.cluster):
                raise Broken("I10", sentence)
            for sentence in lowered(effects.writes, core.cluster):
                raise Broken("I23", sentence)
            if self._schedule.now == self._woke_at:
                self._check_absence(effects.writes)
            if self.story.wanted:
                for event in effects.writes.events:
                    who = f"{event.task}.{event.slot}" if event.slot else event.task
                    where = f" on {event.node}" if event.node and event.task else event.node
                    generation = f"/{event.generation}" if event.generation else ""
                    self.story.tell(
                        "manager",
                        "decides: {} {}{}{}: {}",
                        event.kind,
                        who,
                        generation,
                        where,
                        event.message,
                    )

    def _check_clones(self, hello: Connect, effects: Effects) -> None:
        """Two workers of one identity do not push each other out for ever, and nobody is taken for two."""
        now, node_id = self._schedule.now, hello.node_id
        quarantined = any(one.kind is EventKind.NODE_QUARANTINED for one in effects.writes.events)
        if quarantined and not self._cloned(node_id):
            raise Broken("I22", f"{node_id} was taken for two, and is one")
        if not isinstance(effects.answer, Welcomed):
            return
        sessions = self._sessions[node_id]
        sessions[:] = [one for one in sessions if one[0] > now - CLONE_WINDOW]
        before = sessions[-1][1] if sessions else ""
        known = any(who == hello.incarnation for _, who, _ in sessions)
        sessions.append(
            (now, hello.incarnation, self._live and known and before != hello.incarnation)
        )
        if sum(back for _, _, back in sessions) > CLONE_RETURNS:
            raise Broken("I22", f"the workers of {node_id} push each other out again and again")

    def _check_absence(self, writes: Writes) -> None:
        """A manager that was paused holds that against nobody."""
        for node_id, node in writes.nodes.items():
            before = self.ledger.nodes.get(node_id)
            if node is None or before is None or before.condition is Condition.LOST:
                continue
            if node.condition is Condition.LOST and node_id in self._unread:
                raise Broken("I3", f"{node_id} was given up before its heartbeats were read")

    def _check_cluster(self, core: ManagerCore) -> None:
        if wrong := violations(core.cluster):
            raise Broken("I10", "; ".join(wrong))

    # -- the ledger ---------------------------------------------------------------------------------------------

    def recorded(self, commit: Commit, ledger: Ledger) -> None:
        """Check a transaction against what is on the disk, just before it is there too."""
        writes = commit.writes
        revisions = [event.revision for event in writes.events]
        first = max(ledger.revision, (writes.lineage or ledger.lineage).revision) + 1
        if revisions != list(range(first, first + len(revisions))):
            raise Broken("I8", f"after revision {ledger.revision} came {revisions}")
        if commit.cause and writes.tasks:
            if commit.cause in self._applied:
                raise Broken("I1", f"the request {commit.cause} was carried out twice")
            self._applied.add(commit.cause)
        for task_id, task in writes.tasks.items():
            if task_id in self._stopped and task is not None and task.goal is Goal.RUN:
                raise Broken("I2", f"the stop of {task.name} came undone")
        if writes.events:
            self._check_brake(writes, ledger)
        for allocation_id, allocation in writes.allocations.items():
            before = ledger.allocations.get(allocation_id)
            if allocation is not None and before is None:
                self._check_new(allocation, writes, ledger)
            elif allocation is not None and before is not None:
                _check_forward(before, allocation)
                if allocation.lost and not before.lost and not _superseded(allocation, writes):
                    self._check_lease(allocation)

    def _cloned(self, node_id: NodeId) -> bool:
        return any(host.cloned for host in self.hosts if host.identity.node_id == node_id)

    def _check_brake(self, writes: Writes, ledger: Ledger) -> None:
        """Many nodes are not given up at once, unless that was held back for long."""
        now = self._schedule.now
        if any(event.kind is EventKind.MANAGER_HELD for event in writes.events):
            self._held_at = now
            self._check_hold(writes, ledger)
        for node_id, node in writes.nodes.items():
            before = ledger.nodes.get(node_id)
            if node is None or before is None or node.condition is not Condition.LOST:
                continue
            if before.condition is not Condition.LOST:
                self._given_up.append((now, node_id))
        many = len(self._lost_since(now - BRAKE_WINDOW))
        held = now - BRAKE_HOLD - 2 * BRAKE_WINDOW < self._held_at < now - BRAKE_HOLD
        if many >= 3 and many > len(ledger.nodes | writes.nodes) / 3 and not held:
            raise Broken("I21", f"{many} nodes were given up at once")

    def _lost_since(self, begin: float) -> set[NodeId]:
        return {node_id for when, node_id in self._given_up if when >= begin}

    def _check_hold(self, writes: Writes, ledger: Ledger) -> None:
        """Nothing is held back but for three nodes that are silent, or were given up just before."""
        nodes = {**ledger.nodes, **writes.nodes}
        silent = {one.id for one in nodes.values() if one and one.condition is Condition.SUSPECT}
        if len(silent | self._lost_since(self._schedule.now - BRAKE_WINDOW - 2.0)) < 3:
            raise Broken("I21", f"only {sorted(silent)} are silent, and that was held back")

    def _check_new(self, new: Allocation, writes: Writes, ledger: Ledger) -> None:
        if self._recorded.get(new.id) == new.revision:
            return  # it was put on record again
        slot = (new.task_id, new.slot)
        if new.generation <= self._generations.get(slot, 0):
            raise Broken("I3", f"{new.id} was given before: a fencing number is used twice")
        self._generations[slot] = new.generation
        self._recorded[new.id] = new.revision
        task = writes.tasks.get(new.task_id) or ledger.tasks[new.task_id]
        self._specs[new.id] = _content(task.spec)
        if task.goal is Goal.STOP:
            raise Broken("I2", f"{new.id} was assigned although its task is stopped")

    def _check_lease(self, given_up: Allocation) -> None:
        """The lease of a worker ends before its work is given up."""
        node_id = given_up.node_id
        if self._cloned(node_id):
            return
        worker, until = self._leases.get(node_id, (None, 0.0))
        left = until - self._schedule.now
        if worker is not None and worker.process.alive and left > 0.02:  # clocks drift apart
            raise Broken("I3", f"{given_up.id} was given up {left:.2f} s before its lease ended")

    # -- orders -------------------------------------------------------------------------------------------------

    def ordered(self, node_id: NodeId, orders: Iterable[Order]) -> None:
        """Check orders at the moment they leave the manager."""
        for order in orders:
            if isinstance(order, Run):
                if order.id not in self._recorded:
                    raise Broken("I1", f"{order.id} was ordered before it was recorded")
                theirs = order.id in self._held[node_id]  # then it has its own spec on its label
                if _content(order.spec) != self._specs[order.id] and not theirs:
                    raise Broken("I10", f"{order.id} was ordered with a spec that is not its own")
                if (node_id, order.id) in self._removed:
                    raise Broken("I2", f"{order.id} was ordered again after its removal")
            elif isinstance(order, Remove):
                self._check_removal(node_id, order)
            self.story.tell("manager", "orders {}: {} {}", node_id, type(order).__name__, order.id)

    def _check_removal(self, node_id: NodeId, order: Remove) -> None:
        self._removed.add((node_id, order.id))
        known = self.ledger.allocations.get(order.id)
        if not order.reason:
            raise Broken("I7", f"{order.id} was ordered away without a reason")
        if known is None:
            self._check_lost(node_id, order)
        if known is None or known.node_id != node_id:
            return
        if known.wanted is Wanted.RUN and not known.ended:
            raise Broken("I7", f"{order.id} was ordered away ({order.reason}), and is wanted")

    def _check_lost(self, node_id: NodeId, order: Remove) -> None:
        """What runs is not removed because its record was lost, but for something newer on record."""
        task_id, number, generation = split_allocation_id(order.id)
        labels = [
            one.label
            for host in self.hosts
            for one in host.engine.containers.values()
            if one.runs and (one.label.node_id, one.label.allocation_id) == (node_id, order.id)
        ]
        task = self.ledger.tasks.get(task_id)
        changed = task.changed_revision if task is not None else 0
        newer = any(
            (one.task_id, one.slot) == (task_id, number) and one.generation > generation
            for one in self.ledger.allocations.values()
        )
        for label in labels:
            if self.ledger.lineage.lost(label.revision) and not newer and changed < label.revision:
                raise Broken("I7", f"{order.id} was ordered away, and only its record was lost")

    def put_back(self) -> None:
        """The ledger was put back: what was acknowledged since that state may be forgotten."""
        kept = self.ledger.requests.keys()
        self._was_put_back = True
        self._put_back_at = self._schedule.now
        self._heard_since.clear()
        self._applied &= kept
        self._acknowledged = {key: one for key, one in self._acknowledged.items() if key in kept}
        self._stopped = {id: key for id, key in self._stopped.items() if key in kept}
        self._forgiven.update(id for _, id in self._removed)
        self._removed.clear()

    # -- users --------------------------------------------------------------------------------------------------

    def asked(self, task_id: TaskId) -> None:
        """A user asks for a task to be run, whether or not that is heard."""
        self._stopped.pop(task_id, None)

    def acknowledged(self, key: str, task_id: TaskId, reply: Reply, *, stopped: bool) -> None:
        """A user was told that it is done."""
        if self._was_put_back and key not in self.ledger.requests:
            return  # the answer was on its way when that was forgotten
        self._acknowledged[key] = reply
        if stopped:
            self._stopped[task_id] = key
        self._check_kept(key, reply)

    def nothing_acknowledged_is_lost(self) -> None:
        """Check that everything users were told is on the disk."""
        for key, reply in self._acknowledged.items():
            self._check_kept(key, reply)

    def _check_kept(self, key: str, reply: Reply) -> None:
        task = self.ledger.tasks.get(TaskId(reply.task_id))
        if reply.task_id and (task is None or task.revision < reply.revision):
            raise Broken("I1", f"{key} was acknowledged, and is not recorded")
        for task_id, stop in self._stopped.items():
            task = self.ledger.tasks.get(task_id)
            if task is not None and task.goal is Goal.RUN:
                raise Broken("I2", f"the stop {stop} of {task.name} was acknowledged and is lost")

    # -- workers ------------------------------------------------------------------------------------------------

    def worker_decided(self, worker: Worker, input: WorkerInput, effects: WorkerEffects) -> None:
        """Check what a worker does next."""
        if isinstance(input, Ordered):
            self._hear_orders(worker, input.orders)
        elif isinstance(input, LeaseConfirmed):
            self._hold_lease(worker, input.sent_at)
        elif isinstance(input, SessionOpened):
            worker.lease_seconds = input.lease
            self._hold_lease(worker, input.sent_at)
        for step in effects.steps:
            self.story.tell(worker.engine.name, "does: {}", _describe(step))
            self._check_step(worker, step)
        for id, seen in effects.reports.items():
            if seen.phase is Phase.STOPPING:
                # Begun or not, its number is spent: nothing said of that run later would be news.
                self._runs[id] = max(self._runs[id], seen.restart + 1)
        if self.story.wanted:
            for id, seen in effects.reports.items():
                self.story.tell(
                    worker.engine.name, "sees: {} {} run {}", id, seen.phase.name, seen.restart
                )

    def _hear_orders(self, worker: Worker, orders: Iterable[Order]) -> None:
        for order in orders:
            if isinstance(order, Remove):
                worker.removals.add(order.id)
            elif isinstance(order, Run):
                opened = worker.session.open_since
                if opened is not None and opened > self._put_back_at:
                    self._heard_since.add(order.id)
                if order.runs_over:  # it may have to count on from there
                    self._runs[order.id] = max(self._runs[order.id], order.first_restart + 1)

    def _hold_lease(self, worker: Worker, sent_at: float) -> None:
        until = worker.process.clock.due(sent_at + worker.lease_seconds)
        node_id = worker.identity.node_id
        if node_id not in self._leases or self._leases[node_id][1] < self._schedule.now:
            self._schedule.at(until, self._lease_ends, node_id)
        self._leases[node_id] = (worker, until)

    def _lease_ends(self, node_id: NodeId) -> None:
        """No exclusive container outlives the lease of its worker: it may run elsewhere from then on."""
        worker, until = self._leases[node_id]
        if until > self._schedule.now + 1e-6:
            return self._schedule.at(until, self._lease_ends, node_id)
        host = next(host for host in self.hosts if host.engine is worker.engine)
        for container in host.engine.containers.values():
            label = container.label
            bound = label.node_id == node_id and label.spec.on_disconnect is OnDisconnect.STOP
            if bound and container.runs and not self._is_excused(host, container, fenced=True):
                raise Broken("I3", f"{_run(container)} on {host.name} outlived its lease")
        return None

    def _check_step(self, worker: Worker, step: Step) -> None:
        steps = self._steps[step.id]
        steps.append(self._schedule.now)
        if len(steps) == STEPS_MOST and self._schedule.now - steps[0] < 1.0:
            raise Broken("I12", f"{_describe(step)}, the {STEPS_MOST}th step of it in a second")
        if step.id in worker.removals:
            if isinstance(step, Create | Start) and step.id not in self._forgiven:
                raise Broken("I2", f"{_describe(step)}, after it was ordered away")
            return
        if isinstance(step, Create) and _content(step.spec) != self._specs[step.id]:
            raise Broken("I10", f"{_describe(step)} by a spec that is not its own")
        if isinstance(step, Create) and (why := self._pauses.too_soon(worker, step, steps[-1])):
            raise Broken("I12", f"{_describe(step)}, {why}")
        if isinstance(step, Create) and step.restart > self._runs[step.id]:
            raise Broken(
                "I20", f"{_describe(step)}, when only {self._runs[step.id]} runs ever began"
            )
        if isinstance(step, Create) and not self._cloned(worker.identity.node_id):
            known = self.ledger.allocations.get(step.id)
            seen = known.observed if known is not None else ASSIGNED
            workload = worker.core.get(step.id)
            forgotten = self._was_put_back and step.id not in self._heard_since
            if forgotten or (workload is not None and workload.wanted is None):
                seen = ASSIGNED  # without this manager it knows what the labels say, and no more
            if (step.restart, Phase.RUNNING) <= (seen.restart, seen.phase):
                raise Broken(
                    "I20",
                    f"{_describe(step)}, when run {seen.restart} is recorded as {seen.phase.name}",
                )
        if isinstance(step, Halt | Discard):
            container = worker.engine.containers.get(step.container_id)
            if container is not None and not self._may_end(worker, container, step):
                raise Broken("I7", f"{_describe(step)}, which nobody ordered")

    def _may_end(self, worker: Worker, container: Container, step: Halt | Discard) -> bool:
        label = container.label
        if any(
            other.label.allocation_id == label.allocation_id and other.label.restart > label.restart
            for other in worker.engine.containers.values()
        ):
            return True
        if container.runs_begun > 1:
            return True  # a start given up long ago was done after it had ended: its run is over
        own_reason = label.spec.health is not None or label.spec.on_disconnect is OnDisconnect.STOP
        return isinstance(step, Halt) and (own_reason or container.touched_by_hand)

    # -- containers ---------------------------------------------------------------------------------------------

    def happened(self, host: Host, container: Container, what: str) -> None:
        """Take note of what truly happens to a container."""
        self.story.tell(host.name, "container {} of {} {}", container.id, _run(container), what)
        if what.startswith(("ended", "died")):
            self._pauses.ended(host, container, self._schedule.now)
        if what == "started":
            self._pauses.began(container, self._schedule.now)
            # Started by hand while it is being stopped, it counts twice: as stopped, and as not.
            self._runs[container.label.allocation_id] += 1 + container.touched_by_hand
            container.excused = False
            self._check_rate(host, container)
            self._check_alone(host, container)

    def taken_away(self, container: Container) -> None:
        """Somebody else than cube removes a container."""
        self._runs[container.label.allocation_id] += 1

    def _check_rate(self, host: Host, container: Container) -> None:
        now = self._schedule.now
        starts = self._starts[container.label.allocation_id]
        starts.append(now)
        while starts[0] < now - STARTS_WINDOW:
            starts.popleft()
        begun_anew = now - host.worker_began < STARTS_WINDOW  # it knows of two former runs only
        excused = begun_anew or container.touched_by_hand or host.cloned
        if len(starts) > STARTS_MOST and not excused:
            raise Broken("I12", f"{_run(container)} began {len(starts)} times in 10 s")

    def _check_alone(self, host: Host, container: Container) -> None:
        """At most one container of an allocation runs, and of an exclusive slot, wherever that is."""
        task_id, slot, _ = split_allocation_id(container.label.allocation_id)
        for place in self.hosts:
            for other in place.engine.containers.values():
                if other is container or not other.runs:
                    continue
                if split_allocation_id(other.label.allocation_id)[:2] != (task_id, slot):
                    continue
                same = place is host and other.label.allocation_id == container.label.allocation_id
                # A ledger that was put back may not know yet that another has taken its place.
                exclusive = not self._was_put_back and all(
                    one.label.spec.on_disconnect is OnDisconnect.STOP for one in (container, other)
                )
                excused = self._is_excused(host, container, fenced=not same) | self._is_excused(
                    place, other, fenced=not same
                )
                if (same or exclusive) and not excused:
                    raise Broken(
                        "I3",
                        f"{_run(container)} on {host.name} runs beside {_run(other)} "
                        f"on {place.name}",
                    )

    def _is_excused(self, host: Host, container: Container, *, fenced: bool) -> bool:
        """Whether nobody can be blamed if it runs on. Once excused, it is for as long as it runs.

        What is fenced ends without its worker; only the engine is needed.
        """
        container.excused = (
            container.excused
            or container.touched_by_hand
            or container.stuck
            or (host.unguarded(SETTLING) if fenced else host.troubled(SETTLING))
            or container.label.node_id != host.identity.node_id
            or host.cloned
        )
        return container.excused


def _superseded(given_up: Allocation, writes: Writes) -> bool:
    """Whether a newer stay of its slot was put on record with it: it runs already."""
    return any(
        one is not None
        and (one.task_id, one.slot) == (given_up.task_id, given_up.slot)
        and one.generation > given_up.generation
        and one.observed.epoch > 0
        for one in writes.allocations.values()
    )


def _check_forward(before: Allocation, after: Allocation) -> None:
    if before.wanted is Wanted.REMOVE and after.wanted is Wanted.RUN:
        raise Broken("I2", f"the removal of {after.id} was taken back")
    if before.lost and not after.lost:
        raise Broken("I5", f"{after.id} was given up and is believed again")
    seen, now = before.observed, after.observed
    if (now.restart, now.phase) < (seen.restart, seen.phase) and now.phase is not Phase.REMOVED:
        raise Broken(
            "I5",
            f"{after.id} went back from {seen.phase.name} of run {seen.restart} to "
            f"{now.phase.name} of run {now.restart}",
        )
    if seen.phase is Phase.REMOVED and now != seen:
        raise Broken("I5", f"{after.id} changed after its removal")
    ended = seen.phase >= Phase.EXITED and seen.restart == now.restart and seen.exit is not None
    if ended and now.exit != seen.exit:
        raise Broken("I5", f"the exit of {after.id} changed from {seen.exit} to {now.exit}")


def _content(spec: TaskSpec) -> TaskSpec:
    """What makes two specs the same wish: a task whose name was given away is found under another one."""
    return replace(spec.template, name="")


def _run(container: Container) -> str:
    return f"{container.label.allocation_id} run {container.label.restart}"


def _describe(step: Step) -> str:
    what = f"{type(step).__name__} {step.id}"
    match step:
        case Create(restart=restart):
            return f"{what} run {restart}"
        case Start(container_id=id) | Halt(container_id=id) | Discard(container_id=id):
            return f"{what} {id}"
        case _:
            return what
