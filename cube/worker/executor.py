"""Performs the steps the core asks for, each as a task of its own, and tells the core how they went."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from cube.aio.clock import Clock
from cube.aio.supervise import Supervisor
from cube.core.worker.inputs import Pulled, StepCancelled, StepDone, StepFailed, WorkerInput
from cube.core.worker.steps import Create, Discard, Halt, Pull, Start, Step
from cube.log import about
from cube.model.account import Account
from cube.model.allocation import Failure, FailureKind
from cube.model.container import ContainerSeen, RunLabel
from cube.model.ids import AllocationId
from cube.model.secret import GivenSecrets
from cube.model.spec import TaskSpec
from cube.runtime.contract import PullProgress, Runtime, RuntimeFailure
from cube.worker.gate import Gate
from cube.worker.identity import Identified

log = logging.getLogger(__name__)


class Executor:
    """At most one step of an allocation is here at a time; the core sees to that. Each gets exactly one answer."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        identity: Identified,
        clock: Clock,
        supervisor: Supervisor,
        parallel_starts: int,
        tell: Callable[[WorkerInput], None],
        pulled: Callable[[str], None],
        secrets: Callable[[AllocationId, TaskSpec], Awaitable[GivenSecrets]],
        account: Callable[[AllocationId, str], Awaitable[Account | None]],
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._clock = clock
        self._supervisor = supervisor
        self._gate = Gate(parallel_starts)
        self._tell = tell
        self._pulled = pulled
        self._secrets = secrets
        self._account = account
        self._running: dict[AllocationId, asyncio.Task[None]] = {}
        self._given_up: set[AllocationId] = set()

    def perform(self, step: Step) -> None:
        """Begin the step; one that loads the engine, as soon as few enough of those are under way."""
        if isinstance(step, Create | Start):
            self._gate.enter(partial(self._begin, step), urgent=isinstance(step, Start))
        else:
            self._begin(step)

    def cancel(self, id: AllocationId) -> None:
        """Give up the step in flight of this allocation. One that waits for its turn is not worth it."""
        task = self._running.get(id)
        if task is not None and id not in self._given_up:
            self._given_up.add(id)
            # In the next turn: a task cancelled before its first never runs, and would leave the step unanswered.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _begin(self, step: Step) -> None:
        name = f"{type(step).__name__.lower()} {step.id}"
        self._running[step.id] = self._supervisor.spawn(self._perform(step), name)

    async def _perform(self, step: Step) -> None:
        answer: WorkerInput = StepCancelled(step)
        began = self._clock.now().monotonic
        try:
            with about(allocation=step.id):
                seen = await self._do(step)
            answer = StepDone(step, seen, round((self._clock.now().monotonic - began) * 1000))
        except RuntimeFailure as error:
            answer = StepFailed(step, error.failure)
        except Exception as error:
            # The outermost handler of a step: unanswered, it would block its allocation for ever.
            words = "%s of %s failed unexpectedly"
            log.exception(words, type(step).__name__, step.id, extra={"allocation": step.id})
            answer = StepFailed(step, Failure(FailureKind.ENGINE_ERROR, f"unexpected: {error!r}"))
        finally:
            self._finish(step.id, answer)
            # After the answer: the start that follows a create is to be the next to begin.
            if isinstance(step, Create | Start):
                self._gate.leave()

    def _finish(self, id: AllocationId, answer: WorkerInput) -> None:
        given_up = id in self._given_up
        self._given_up.discard(id)
        self._running.pop(id, None)
        # Cancelled without having been given up: the worker is closing, and nobody waits for an answer.
        if given_up or not isinstance(answer, StepCancelled):
            self._tell(answer)

    async def _do(self, step: Step) -> ContainerSeen | None:
        match step:
            case Pull():
                await self._runtime.pull(
                    step.image,
                    lambda progress: self._note(step.id, progress),
                    partial(self._account, step.id, step.image),
                )
                self._pulled(step.image)
                return None
            case Create():
                given = await self._secrets(step.id, step.spec)
                return await self._runtime.create(self._label(step), given)
            case Start():
                return await self._runtime.start(step.container_id)
            case Halt():
                return await self._runtime.stop(step.container_id, step.signal, step.grace_ms)
            case Discard():
                await self._runtime.remove(step.container_id)
                return None

    def _label(self, step: Create) -> RunLabel:
        return RunLabel(
            cluster_id=self._identity.cluster_id,
            node_id=self._identity.node_id,
            allocation_id=step.id,
            restart=step.restart,
            spec=step.spec,
            revision=step.revision,
            devices=step.devices,
        )

    def _note(self, id: AllocationId, progress: PullProgress) -> None:
        self._tell(Pulled(id, progress.done_bytes, progress.total_bytes))
