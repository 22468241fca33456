"""A worker process: the product's core between an engine and a manager. Dies and begins again with nothing."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import (
    LeaseInherited,
    Probed,
    Pulled,
    StepCancelled,
    StepDone,
    StepFailed,
    Tick,
    WorkerInput,
)
from cube.core.worker.steps import Create, Discard, Halt, Probe, Pull, Start, Step, WorkerEffects
from cube.model.allocation import Failure
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Facts
from cube.model.timing import Timing
from cube.wire.messages import PROTOCOL, Hello, Welcome
from tests.simulation.engine import Do, Engine, Outcome
from tests.simulation.faults import Air
from tests.simulation.schedule import Process
from tests.simulation.session import Opened, Session
from tests.simulation.watch import Watch
from tests.simulation.watchdog import Watchdog
from tests.simulation.witness import Witness


class Identity:
    """What a worker keeps on its disk."""

    def __init__(self, node_id: NodeId, facts: Facts) -> None:
        self.node_id = node_id
        self.facts = facts
        self.cluster_id = ""


class Worker:
    """One process. `killed` with its process; its containers stay."""

    def __init__(
        self,
        process: Process,
        identity: Identity,
        engine: Engine,
        watchdog: Watchdog,
        *,
        dial: Callable[[Opened], None],
        timing: Timing,
        air: Air,
        witness: Witness,
        core: type[WorkerCore],
    ) -> None:
        self.process = process
        self.identity = identity
        self.engine = engine
        self._watchdog = watchdog
        self._air = air
        self._witness = witness
        self.incarnation = f"{engine.name} since {process.schedule.now}"
        self.core = core(timing)
        self.removals: set[AllocationId] = set()  # ordered of this process
        self.lease_seconds = timing.lost_after
        self._pulls: dict[AllocationId, Step] = {}
        self._alarm_at: float | None = None
        self._told_of_holding = False
        self.watch = Watch(
            process,
            engine,
            identity.node_id,
            self.core,
            full_comparison=timing.full_comparison,
            tell=self.tell,
            changed=self._engine_changed,
            ready=lambda: self.session.run(),
            draw=air.random.random,
        )
        self.session = Session(
            process,
            dial=dial,
            hello=self._hello,
            runtime_error=lambda: self.watch.error,
            welcomed=self._welcomed,
            tell=self.tell,
            draw=air.random.random,
        )
        if watchdog.fence.container_ids:
            self.tell(LeaseInherited(watchdog.fence.kill_at))
        self.watch.begin()

    # -- the loop -----------------------------------------------------------------------------------------------

    def tell(self, input: WorkerInput) -> None:
        """Give the core one input and carry out what follows."""
        effects = self.core.handle(input, self.process.clock.now())
        self._witness.worker_decided(self, input, effects)
        self._carry_out(effects)
        self._set_alarm(effects.look_again_at)

    def _carry_out(self, effects: WorkerEffects) -> None:
        if effects.fence is not None:
            self._watchdog.guard(effects.fence)
        for step in effects.steps:
            self._perform(step)
        for id in effects.cancel:
            if id in self._pulls:
                step = self._pulls.pop(id)
                self.process.after(0.0, self.tell, StepCancelled(step))
        for probe in effects.probes:
            self._probe(probe)
        if effects.look_at_all:
            self.watch.compare_now()
        self.session.report(effects.reports)
        self.session.describe(effects.descriptions)

    def _set_alarm(self, at: float | None) -> None:
        if at != self._alarm_at:
            self._alarm_at = at
            if at is not None:
                self.process.at(self.process.clock.due(at), self._wake, at)

    def _wake(self, at: float) -> None:
        if at == self._alarm_at:
            self._alarm_at = None
            self.tell(Tick())

    # -- the executor -------------------------------------------------------------------------------------------

    def _perform(self, step: Step) -> None:
        began = self.process.schedule.now
        if isinstance(step, Pull):
            return self._pull(step)

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Failure):
                return self.tell(StepFailed(step, outcome))
            assert not isinstance(outcome, tuple)
            took_ms = round((self.process.schedule.now - began) * 1000)
            return self.tell(StepDone(step, outcome, took_ms))

        self.engine.ask(self.process, self._doing(step), told)

    def _doing(self, step: Step) -> Do:
        engine, identity = self.engine, self.identity
        match step:
            case Create():
                return lambda answer: answer(
                    engine.create(step, identity.cluster_id, identity.node_id)
                )
            case Start(container_id=id):
                return lambda answer: answer(engine.start(id))
            case Halt(container_id=id, grace_ms=grace_ms):
                return lambda answer: engine.stop(id, grace_ms, answer)
            case Discard(container_id=id):
                return lambda answer: answer(engine.remove(id))
            case _:
                raise AssertionError(f"no way to do {step!r}")

    def _pull(self, step: Pull) -> None:
        self._pulls[step.id] = step
        seconds = self._air.random.uniform(0.0, 3.0)
        self.process.after(seconds / 2, self._pulled_half, step)

        def told(outcome: Outcome) -> None:
            if self._pulls.get(step.id) is step:
                del self._pulls[step.id]
                failed = isinstance(outcome, Failure)
                self.tell(StepFailed(step, outcome) if failed else StepDone(step, None, 1))  # type: ignore[arg-type]

        def fetch() -> None:
            self.engine.ask(self.process, lambda answer: answer(self.engine.pull(step.image)), told)

        self.process.after(seconds, fetch)

    def _pulled_half(self, step: Pull) -> None:
        if self._pulls.get(step.id) is step:
            self.tell(Pulled(step.id, 50, 100))

    def _probe(self, probe: Probe) -> None:
        seen = self.engine.containers.get(probe.container_id)
        passed = seen is not None and seen.runs and not seen.paused and not seen.ill
        seconds = 0.002 if passed else probe.check.timeout_ms / 1000
        words = "" if passed else "connection refused"
        self.process.after(seconds, self.tell, Probed(probe.id, probe.container_id, passed, words))

    # -- the session --------------------------------------------------------------------------------------------

    def _hello(self) -> Hello:
        self._told_of_holding = self.core.looked
        return Hello(
            protocol=PROTOCOL,
            node_id=self.identity.node_id,
            cluster_id=self.identity.cluster_id,
            facts=self.identity.facts,
            incarnation=self.incarnation,
            holding=self.core.holding,
            blind=not self.core.looked,
            runtime_error=self.watch.error,
        )

    def _welcomed(self, welcome: Welcome) -> bool:
        if self.core.why_not_obey(welcome.revision):
            return False
        self.identity.cluster_id = welcome.cluster_id
        return True

    def _engine_changed(self) -> None:
        if self.session.open_since is None:
            return
        if not self.watch.error and not self._told_of_holding:
            self.process.after(0.0, self.session.end)
        else:
            self.session.beat_now()
