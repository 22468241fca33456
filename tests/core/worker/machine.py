"""A pretended engine without time or asyncio, driven by the worker's core: it performs steps as they are told to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from cube.core.worker import inputs
from cube.core.worker.core import WorkerCore
from cube.core.worker.steps import Create, Discard, Halt, Probe, Pull, Start, Step, WorkerEffects
from cube.model.allocation import Exit, Failure, FailureKind, Observed
from cube.model.container import ContainerSeen, ContainerState, Fence, RunLabel
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.orders import Order, Remove, Run
from cube.model.spec import TaskSpec
from cube.model.timing import Instant

ID = AllocationId("t.1.1")
NO_ANSWER = Failure(FailureKind.ENGINE_SLOW, "no answer from the engine")


def run(id: AllocationId = ID, *, first_restart: int = 0, **spec: Any) -> Run:
    """An order to run a task of one image."""
    wish = msgspec.convert({"name": "web", "image": "nginx"} | spec, TaskSpec)
    return Run(
        id=id, task_id=TaskId("t"), slot=1, generation=1, spec=wish, first_restart=first_restart
    )


def remove(id: AllocationId = ID) -> Remove:
    """The order to remove it."""
    return Remove(id=id, reason="stopped by the user")


class Machine:
    """A worker's core with an engine that does at once what it is asked, unless a failure is queued for it."""

    def __init__(self, *, looked: bool = True) -> None:
        self.seconds = 1_000.0
        self.core = WorkerCore(draw=lambda id, restart: 1.0)
        self.containers: dict[str, ContainerSeen] = {}
        self.images = {"nginx"}
        self.failing: list[Failure] = []  # for the next steps, in order
        self.answers_lost = 0  # so many steps to come are done, but their answers get lost
        self.holding_back = False  # steps stay in flight
        self.pending: list[Step] = []
        self.cancelled: list[AllocationId] = []
        self.probes: list[Probe] = []
        self.done: list[Step] = []
        self.fence = Fence((), 0.0)
        self.reports: list[Observed] = []
        self.told: list[tuple[AllocationId, Observed]] = []
        self.look_again_at: float | None = None
        self._made = 0
        if looked:
            self.look()

    @property
    def now(self) -> Instant:
        return Instant(self.seconds, round(self.seconds * 1000))

    @property
    def newest(self) -> Observed:
        return self.reports[-1]

    @property
    def phases(self) -> list[str]:
        return [report.phase.name for report in self.reports]

    def running(self) -> list[ContainerSeen]:
        return [c for c in self.containers.values() if c.state is ContainerState.RUNNING]

    def order(self, *orders: Order) -> None:
        self.tell(inputs.Ordered(orders))

    def look(self) -> None:
        self.seconds += 1e-6
        self.tell(inputs.Looked(tuple(self.containers.values()), self.seconds))

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the core whenever it asked for it."""
        end = self.seconds + seconds
        while self.look_again_at is not None and self.look_again_at <= end:
            self.seconds = max(self.seconds, self.look_again_at)
            self.tell(inputs.Tick())
        self.seconds = end
        self.tell(inputs.Tick())

    def exits(self, code: int, *, out_of_memory: bool = False) -> None:
        """The one running container ends by itself."""
        (seen,) = self.running()
        self.ends(seen, code, out_of_memory=out_of_memory)

    def ends(
        self, seen: ContainerSeen, code: int, *, out_of_memory: bool = False, noticed: bool = True
    ) -> None:
        """A container ends by itself; where that goes unnoticed, the event got lost."""
        ended = self._update(
            seen,
            state=ContainerState.EXITED,
            exit=Exit(code, out_of_memory),
            finished_ms=self.now.wall_ms,
        )
        if noticed:
            self.seconds += 1e-6
            self.tell(inputs.Saw(seen.id, ended, self.seconds))

    def bitten(self, *, noticed: bool = True) -> None:
        """The watchdog kills the one running container."""
        (seen,) = self.running()
        self.ends(self._update(seen, fenced=True), 137, noticed=noticed)

    def removed_outside(self) -> None:
        """Somebody else removes the one running container."""
        (seen,) = self.running()
        del self.containers[seen.id]
        self.seconds += 1e-6
        self.tell(inputs.Saw(seen.id, None, self.seconds))

    def answer_probes(self, passed: bool, output: str = "") -> None:
        probes, self.probes = self.probes, []
        for probe in probes:
            self.tell(inputs.Probed(probe.id, probe.container_id, passed, output))

    def restart_worker(self) -> None:
        """A new process: nothing is left of the old one but the containers."""
        self.core = WorkerCore(draw=lambda id, restart: 1.0)
        self.pending, self.probes, self.look_again_at = [], [], None
        self.look()

    def release(self) -> None:
        """Perform the steps that were held back."""
        self.holding_back = False
        pending, self.pending = self.pending, []
        self._perform(pending)

    def release_one(self) -> None:
        """Perform the first step that was held back; what follows is held back too."""
        self._perform([self.pending.pop(0)])

    def tell(self, input: inputs.WorkerInput) -> WorkerEffects:
        self.seconds += 1e-6  # no two inputs at once, as on a real clock
        effects = self.core.handle(input, self.now)
        self.look_again_at = effects.look_again_at
        self.reports.extend(effects.reports.values())
        self.told.extend(effects.reports.items())
        self.fence = effects.fence or self.fence
        self.probes.extend(effects.probes)
        self.cancelled.extend(effects.cancel)
        if self.holding_back:
            self.pending.extend(effects.steps)
        else:
            self._perform(effects.steps)
        if effects.look_at_all:
            self.look()
        return effects

    def _perform(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self.done.append(step)
            if self.failing:
                self.tell(inputs.StepFailed(step, self.failing.pop(0)))
                continue
            outcome = self._do(step)
            if self.answers_lost and not isinstance(outcome, Failure):
                self.answers_lost -= 1
                self.tell(inputs.StepFailed(step, NO_ANSWER))
            elif isinstance(outcome, Failure):
                self.tell(inputs.StepFailed(step, outcome))
            else:
                self.tell(inputs.StepDone(step, outcome, took_ms=5))

    def _do(self, step: Step) -> ContainerSeen | Failure | None:
        match step:
            case Pull(image=image):
                self.images.add(image)
                return None
            case Create(spec=spec):
                if spec.image not in self.images:
                    return Failure(FailureKind.IMAGE_MISSING, f"no image {spec.image}")
                return self._create(step)
            case Start(container_id=id):
                if id not in self.containers:
                    return Failure(FailureKind.REMOVED_OUTSIDE, "no such container")
                if self.containers[id].state is ContainerState.RUNNING:
                    return self.containers[id]
                return self._update(
                    self.containers[id],
                    state=ContainerState.RUNNING,
                    started_ms=self.now.wall_ms,
                    exit=None,
                )
            case Halt(container_id=id):
                seen = self.containers.get(id)
                if seen is None or seen.state is not ContainerState.RUNNING:
                    return seen
                return self._update(
                    seen,
                    state=ContainerState.EXITED,
                    exit=Exit(143),
                    finished_ms=self.now.wall_ms,
                )
            case Discard(container_id=id):
                self.containers.pop(id, None)
                return None

    def _create(self, step: Create) -> ContainerSeen:
        for seen in self.containers.values():
            if (seen.label.allocation_id, seen.label.restart) == (step.id, step.restart):
                return seen
        self._made += 1
        label = RunLabel(
            cluster_id="c",
            node_id=NodeId("n"),
            allocation_id=step.id,
            restart=step.restart,
            spec=step.spec,
            devices=step.devices,
            revision=step.revision,
        )
        seen = ContainerSeen(
            id=f"c{self._made}", label=label, state=ContainerState.CREATED, address="172.17.0.2"
        )
        self.containers[seen.id] = seen
        return seen

    def _update(self, seen: ContainerSeen, **changes: object) -> ContainerSeen:
        changed = msgspec.structs.replace(seen, **changes)
        self.containers[seen.id] = changed
        return changed

    def _change(self, seen: ContainerSeen, **changes: object) -> None:
        changed = self._update(seen, **changes)
        self.tell(inputs.Saw(seen.id, changed, self.seconds))

    def outside(self, seen: ContainerSeen, **changes: object) -> None:
        """Somebody changes a container behind cube's back, and the engine tells of it."""
        self._change(seen, **changes)
