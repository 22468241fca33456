"""The planner of one machine: `handle(input, now)` takes everything it can be told and returns what to do.

Invariants, whatever comes in whatever order:
- at most one step is in flight per allocation, and at most one of its containers is brought to run;
- a container is only removed after a Remove, or as the second-newest ended one of an allocation that runs on;
- what is reported of an allocation grows by `Observed.stamp`;
- nothing is started or called removed before the engine was once asked what is there;
- a container that must not outlive the lease is fenced before it is started.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from cube.core.restart import steady_draw
from cube.core.worker import inputs
from cube.core.worker.alarms import Alarms
from cube.core.worker.course import begin_due_run, due_at, judge_end, next_probe, note_answer
from cube.core.worker.fence import Fenced
from cube.core.worker.inputs import WorkerInput
from cube.core.worker.lease import Lease
from cube.core.worker.outcome import STAGES, failed, succeeded, vanished
from cube.core.worker.plan import next_step
from cube.core.worker.report import description, observe, progress_text, withheld_until
from cube.core.worker.sight import adopt, look_at, unseen
from cube.core.worker.steps import Discard, Halt, Pull, Start, Step, WorkerEffects
from cube.core.worker.workload import Workload
from cube.model.allocation import Observed, Wanted
from cube.model.container import ContainerSeen, ContainerState
from cube.model.ids import AllocationId
from cube.model.orders import Describe, Holding, Order, Remove
from cube.model.timing import DEFAULT_TIMING, Instant, Timing

Draw = Callable[[AllocationId, int], float]


class WorkerCore:
    """Everything one worker knows and decides. Not a database: built anew from the engine's containers."""

    def __init__(self, timing: Timing = DEFAULT_TIMING, draw: Draw = steady_draw) -> None:
        self._timing = timing
        self._draw = draw
        self._workloads: dict[AllocationId, Workload] = {}
        self._ids_by_container: dict[str, AllocationId] = {}
        # A look begun before then may still show it.
        self._forgotten: dict[AllocationId, float] = {}
        self._alarms = Alarms()
        self.looked = False  # whether the engine ever said what is there
        # What was ordered before: obeyed then, beside what is found.
        self._early: dict[tuple[AllocationId, type[Order]], Order] = {}
        self._epoch = 0
        self._sequence = 0
        self._lease = Lease(timing.lost_after)
        self._fenced = Fenced()

    @property
    def holding(self) -> tuple[Holding, ...]:
        """What to say of itself when connecting."""
        return tuple(
            Holding(id=id, restart=workload.restart, revision=workload.revision)
            for id, workload in self._workloads.items()
            if not workload.removed
        )

    def why_not_obey(self, revision: int) -> str:
        """Why the orders of a manager whose ledger is at this revision are not followed; empty: they are.

        One that knows what it lost leaps over it; one that does not was not told of what is held here yet.
        """
        newest = max((held.revision for held in self.holding), default=0)
        if revision >= newest:
            return ""
        return (
            f"the manager's ledger is at revision {revision}, and this machine runs what was "
            f"assigned at {newest}: nothing is removed for it"
        )

    def workloads(self) -> Iterable[Workload]:
        """All allocations it knows of, for reading."""
        return self._workloads.values()

    def get(self, id: AllocationId) -> Workload | None:
        """One allocation, for reading."""
        return self._workloads.get(id)

    def step_on(self, container_id: str) -> Step | None:
        """The step in flight that is about this container: its answer will tell how the container looks."""
        workload = self._workloads.get(self._ids_by_container.get(container_id, AllocationId("")))
        step = workload.step if workload is not None else None
        if isinstance(step, Start | Halt | Discard) and step.container_id == container_id:
            return step
        return None

    def runs(self, container_id: str) -> bool:
        """Whether this is the container of a present run, and was last seen running."""
        workload = self._workloads.get(self._ids_by_container.get(container_id, AllocationId("")))
        current = workload.current if workload is not None else None
        seen = (current.id, current.state) if current is not None else None
        return seen == (container_id, ContainerState.RUNNING)

    def handle(self, input: WorkerInput, now: Instant) -> WorkerEffects:
        """Take the input in and return the whole consequence."""
        self._lease.begin(now.monotonic)
        effects = WorkerEffects()
        touched = self._take(input, now, effects)
        for id in self._alarms.take_due(now.monotonic):
            touched[id] = self._workloads[id]
        for workload in touched.values():
            self._advance(workload, now, effects)
        effects.fence = self._fenced.news(self._lease.kill_at)
        effects.look_again_at = self._alarms.next_at()
        return effects

    # What each input changes. Returns the workloads to plan anew.

    def _take(
        self, input: WorkerInput, now: Instant, effects: WorkerEffects
    ) -> dict[AllocationId, Workload]:
        match input:
            case inputs.Ordered(orders=orders):
                if not self.looked:
                    self._early.update(((order.id, type(order)), order) for order in orders)
                    return {}
                return self._some(self._order(order, now.monotonic, effects) for order in orders)
            case inputs.Looked():
                return self._look(input, now, effects)
            case inputs.Saw():
                return self._some([self._see(input, now.monotonic)])
            case inputs.StepDone() | inputs.StepFailed() | inputs.StepCancelled():
                return self._some([self._answer(input, now.monotonic)])
            case inputs.Pulled():
                return self._some([self._progress(input)])
            case inputs.Probed():
                return self._some([self._probed(input, now.monotonic)])
            case inputs.SessionOpened():
                return self._open(input, now, effects)
            case inputs.LeaseInherited(kill_at=kill_at):
                self._lease.inherit(kill_at)
            case inputs.LeaseConfirmed():
                return self._renew(input, now.monotonic)
            case inputs.Acknowledged(reports=reports):
                self._acknowledge(reports, now.monotonic)
            case _:
                pass  # a Tick: what is due is looked at after every input
        return {}

    def _some(self, found: Iterable[Workload | None]) -> dict[AllocationId, Workload]:
        return {workload.id: workload for workload in found if workload is not None}

    def _order(self, order: Order, now: float, effects: WorkerEffects) -> Workload | None:
        workload = self._workloads.get(order.id)
        if isinstance(order, Describe):
            # One that is being removed is not to be put on record again: its end is reported.
            if workload is not None and workload.spec is not None and not workload.removing:
                effects.descriptions.append(description(workload, workload.spec))
            return None
        if workload is None:
            workload = self._workloads[order.id] = unseen(order)
        if isinstance(order, Remove):
            self._order_removal(workload, now)
        elif not workload.removing:
            workload.catch_up(order)
            workload.obey(order, now)
        return workload

    def _order_removal(self, workload: Workload, now: float) -> None:
        if workload.removing:
            return
        workload.wanted = Wanted.REMOVE
        workload.removing_since = now
        workload.failure = None
        workload.attempts = 0
        workload.not_before = 0.0

    def _look(
        self, look: inputs.Looked, now: Instant, effects: WorkerEffects
    ) -> dict[AllocationId, Workload]:
        self.looked = True
        by_allocation: defaultdict[AllocationId, list[ContainerSeen]] = defaultdict(list)
        for seen in look.containers:
            by_allocation[seen.label.allocation_id].append(seen)
        for id, workload in self._workloads.items():
            containers = by_allocation.pop(id, [])
            self._compare(workload, containers, look.began, now.monotonic, at_all=True)
        for id, containers in by_allocation.items():
            if look.began > self._forgotten.get(id, float("-inf")):
                self._workloads[id] = adopt(containers, now, self._timing)
        self._forgotten = {id: at for id, at in self._forgotten.items() if at >= look.began}
        for order in self._early.values():
            self._order(order, now.monotonic, effects)
        self._early = {}
        return dict(self._workloads)

    def _see(self, input: inputs.Saw, now: float) -> Workload | None:
        seen = input.seen
        id = seen.label.allocation_id if seen else self._ids_by_container.get(input.container_id)
        workload = self._workloads.get(id) if id is not None else None
        if workload is None:
            return None  # only a full look adopts: this one may be older than the removal
        others = [other for other in workload.containers if other.id != input.container_id]
        containers = others if seen is None else [*others, seen]
        self._compare(workload, containers, input.began, now, at_all=False)
        return workload

    def _compare(
        self,
        workload: Workload,
        containers: list[ContainerSeen],
        began: float,
        now: float,
        *,
        at_all: bool,
    ) -> None:
        before = workload.current
        if not look_at(workload, containers, began, now, at_all=at_all):
            self._ids_by_container.pop(before.id if before is not None else "", None)
            vanished(workload, now, self._timing, self._draw_for(workload))

    def _answer(
        self, answer: inputs.StepDone | inputs.StepFailed | inputs.StepCancelled, now: float
    ) -> Workload | None:
        workload = self._workloads.get(answer.step.id)
        if workload is None or workload.step != answer.step:
            return None
        if isinstance(answer, inputs.StepFailed):
            draw = self._draw_for(workload)
            failed(workload, answer.step, answer.failure, now, timing=self._timing, draw=draw)
        elif isinstance(answer, inputs.StepCancelled):
            workload.step = None
        else:
            if isinstance(answer.step, Discard):
                self._ids_by_container.pop(answer.step.container_id, None)
            if not succeeded(workload, answer.step, answer.seen, answer.took_ms, now):
                vanished(workload, now, self._timing, self._draw_for(workload))
        return workload

    def _progress(self, pulled: inputs.Pulled) -> Workload | None:
        workload = self._workloads.get(pulled.id)
        if workload is None or not isinstance(workload.step, Pull):
            return None
        workload.progress = progress_text(
            workload.step.image, pulled.done_bytes, pulled.total_bytes
        )
        return workload

    def _probed(self, probed: inputs.Probed, now: float) -> Workload | None:
        workload = self._workloads.get(probed.id)
        if workload is None or not note_answer(workload, probed, now):
            return None
        return workload

    def _open(
        self, opened: inputs.SessionOpened, now: Instant, effects: WorkerEffects
    ) -> dict[AllocationId, Workload]:
        """Tell the whole state anew under the new epoch: what was not acknowledged before may be lost."""
        self._epoch = opened.epoch
        for workload in self._workloads.values():
            self._lease.end(workload, now.monotonic)
        self._lease = Lease(opened.lease, opened.sent_at)
        for workload in self._workloads.values():
            if workload.face is not None:
                self._report(workload, workload.face, now, effects)
        return dict(self._workloads)

    def _renew(self, confirmed: inputs.LeaseConfirmed, now: float) -> dict[AllocationId, Workload]:
        """Let run again what was stopped for want of this lease: in this session the manager did not give it up."""
        ran_out = self._lease.halt_at <= now
        self._lease.renew(confirmed.sent_at, confirmed.lease)
        if not ran_out or self._lease.halt_at <= now:
            return {}
        halted = [
            one for one in self._workloads.values() if one.halted and one.wanted is Wanted.RUN
        ]
        for workload in halted:
            workload.call_off_halt()
        return self._some(halted)

    def _acknowledge(self, reports: Iterable[tuple[AllocationId, int]], now: float) -> None:
        for id, sequence in reports:
            workload = self._workloads.get(id)
            if workload is not None and workload.removed and workload.sequence == sequence:
                del self._workloads[id]
                self._alarms.set(id, None)
                self._forgotten[id] = now

    # What follows from the state of one workload.

    def _advance(self, workload: Workload, now: Instant, effects: WorkerEffects) -> None:
        at = now.monotonic
        self._lease.note_kill(workload, at)
        judge_end(workload, now, self._timing, self._draw_for(workload))
        self._lease.apply(workload, at)
        may_start = not workload.unstarted and self._lease.allows(workload, at)
        begin_due_run(workload, at, may_start=may_start)
        grace_ms = self._lease.grace_ms
        step = next_step(workload, at, may_start=may_start, longest_grace_ms=grace_ms)
        if step is not None:
            workload.step = step
            workload.step_since = at
            workload.stage = STAGES.get(type(step), workload.stage)
            effects.steps.append(step)
        elif workload.removing:
            self._follow_removal(workload, effects)
        if workload.current is not None:
            self._ids_by_container[workload.current.id] = workload.id
        self._fenced.note(workload)
        if (probe := next_probe(workload, at)) is not None:
            effects.probes.append(probe)
        withheld = self._tell(workload, now, effects)
        self._alarms.set(workload.id, due_at(workload, at, self._lease, withheld))

    def _follow_removal(self, workload: Workload, effects: WorkerEffects) -> None:
        if isinstance(workload.step, Pull):
            effects.cancel.append(workload.id)
        elif workload.step is None and not workload.containers:
            workload.removed = not workload.unsure
            effects.look_at_all = effects.look_at_all or workload.unsure

    def _tell(self, workload: Workload, now: Instant, effects: WorkerEffects) -> float | None:
        """Report what is new; return when to do so if it is too early."""
        face = observe(workload, now.monotonic)
        if face is None or face == workload.face:
            return None
        withheld = withheld_until(workload, face, now.monotonic)
        if withheld is None:
            self._report(workload, face, now, effects)
        return withheld

    def _report(
        self, workload: Workload, face: Observed, now: Instant, effects: WorkerEffects
    ) -> None:
        self._sequence += 1
        workload.face = face
        if face.restart == workload.restart:  # told anew, it may be of the run before
            workload.reached = face.phase
        workload.reported_at = now.monotonic
        workload.sequence = self._sequence
        effects.reports[workload.id] = msgspec.structs.replace(
            face, epoch=self._epoch, sequence=self._sequence, at_ms=now.wall_ms
        )

    def _draw_for(self, workload: Workload) -> float:
        return self._draw(workload.id, workload.restart)
