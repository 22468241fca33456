"""A runtime without an engine: the same contract in memory, with time and misbehaviour from outside.

`SimulatedEngine` is the machine; it outlives the workers on it, as a real one does. `SimulatedRuntime` is how one
worker speaks to it. A container costs one small object, and a timer only while it is going to exit by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from cube.model.allocation import Failure, FailureKind
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.model.ids import NodeId
from cube.model.secret import NO_SECRETS, GivenSecrets
from cube.model.usage import Consumption
from cube.runtime.contract import (
    AskAccount,
    CommandResult,
    ContainerEvent,
    ContainerPaused,
    EngineFacts,
    Fence,
    Inside,
    LogLine,
    LogOptions,
    PullProgress,
    Resync,
    RuntimeFailure,
)
from cube.runtime.failures import Asked, Verb, image_absent, removed_outside, slow
from cube.runtime.images import full_reference
from cube.runtime.labels import container_names, encode_label, same_run
from cube.runtime.pulls import SharedPulls
from cube.runtime.simulated_container import SimulatedContainer
from cube.runtime.simulated_engine import SimulatedEngine
from cube.runtime.simulated_inside import SimulatedInside

PULL_STEPS = 4


class SimulatedRuntime:
    """Runs the containers of one node on a simulated engine. Promises: see `Runtime`."""

    def __init__(self, node_id: NodeId, engine: SimulatedEngine) -> None:
        self._node_id = node_id
        self._engine = engine
        self._pulls = SharedPulls(self._fetch)

    async def facts(self) -> EngineFacts:
        """Ask the engine who it is."""
        await self._engine.reached(Verb.FACTS)
        return self._engine.facts

    async def containers(self) -> list[ContainerSeen]:
        """All containers of this worker, running or not, in no order."""
        await self._engine.reached(Verb.LIST)
        found = self._engine.containers.values()
        return [one.seen() for one in found if one.label.node_id == self._node_id]

    async def inspect(self, container_id: str) -> ContainerSeen | None:
        """One container of this worker, or None when there is no such."""
        await self._engine.reached(Verb.INSPECT)
        container = self._ours(container_id)
        return container.seen() if container is not None else None

    async def images(self) -> list[str]:
        """The images that are there, but for those that all machines are taken to have."""
        await self._engine.reached(Verb.IMAGES)
        return self._engine.images()

    async def pull(
        self,
        image: str,
        progress: Callable[[PullProgress], None],
        account: AskAccount | None = None,
    ) -> None:
        """Fetch the image, or join the pull that is under way. What asks no registry shows none an account."""
        await self._pulls.pull(full_reference(image), progress, account)

    async def create(self, label: RunLabel, given: GivenSecrets = NO_SECRETS) -> ContainerSeen:  # noqa: ARG002  # the protocol's
        """Make the container of this run, or find the one already made. What nothing runs in needs no secrets."""
        encode_label(label)  # refuses the labels that no user may set
        await self._engine.reached(Verb.CREATE, label.spec.image)
        if not self._engine.has_image(label.spec.image):
            raise RuntimeFailure(image_absent(label.spec.image))
        await self._engine.spend(self._engine.behaviour(label.spec.image).create_seconds)
        for name in container_names(label):
            holder = self._engine.names.get(name)
            if name not in self._engine.names:
                holder = self._engine.add(name, label)
            if holder is not None and same_run(holder.label, label):
                self._engine.answered(Verb.CREATE)
                return holder.seen()
        raise RuntimeFailure(Failure(FailureKind.NAME_TAKEN, "no name for the container is free"))

    async def start(self, container_id: str) -> ContainerSeen:
        """Start it and return how it then looks; it may have exited already."""
        container = self._must_be_ours(container_id)
        await self._engine.reached(Verb.START, container.label.spec.image)
        await self._engine.spend(container.behaviour.start_seconds)
        self._must_be_ours(container_id)
        self._engine.start(container)
        self._engine.answered(Verb.START)
        return container.seen()

    async def stop(self, container_id: str, signal: str, grace_ms: int) -> ContainerSeen | None:
        """Signal it, kill it after the grace, return how it ended. None when there is no such container."""
        container = self._ours(container_id)
        await self._engine.reached(Verb.STOP, container.label.spec.image if container else "")
        if container is None:
            return None
        if container.alive:
            await self._engine.stop(container, signal, grace_ms / 1000)
        self._engine.answered(Verb.STOP)
        return container.seen() if self._ours(container_id) else None

    async def remove(self, container_id: str) -> None:
        """Remove it, by force when it still runs. Absent already: fine."""
        container = self._ours(container_id)
        await self._engine.reached(Verb.REMOVE, container.label.spec.image if container else "")
        if container is not None:
            self._engine.remove(container_id)
        self._engine.answered(Verb.REMOVE)

    async def run_command(
        self, container_id: str, command: tuple[str, ...], timeout_ms: int
    ) -> CommandResult:
        """Let the time of the container's command pass and return its scripted result."""
        container = self._must_be_ours(container_id)
        await self._engine.reached(Verb.COMMAND, container.label.spec.image)
        if container.state is not ContainerState.RUNNING:
            message = f"the container is not running, so {' '.join(command)} cannot run in it"
            failure = Failure(FailureKind.ENGINE_ERROR, message)
            paused = container.state is ContainerState.PAUSED
            raise ContainerPaused(failure) if paused else RuntimeFailure(failure)
        behaviour = container.behaviour
        await self._engine.spend(min(behaviour.command_seconds, timeout_ms / 1000))
        if behaviour.command_seconds > timeout_ms / 1000:
            raise RuntimeFailure(slow(Asked(Verb.COMMAND, container_id), timeout_ms / 1000))
        return behaviour.command

    async def consumption(self, container_id: str) -> Consumption | None:
        """As if it used all of the processor that it may, and half of its memory."""
        container = self._must_be_ours(container_id)
        await self._engine.reached(Verb.STATS, container.label.spec.image)
        return self._engine.consumption(container)

    async def inside(self, container_id: str) -> Inside:
        """What can be done in it by its streams and files."""
        return SimulatedInside(self._engine, self._must_be_ours(container_id))

    async def events(self) -> AsyncGenerator[ContainerEvent | Resync, None]:
        """Follow what happens to this worker's containers, for ever."""
        async with aclosing(self._engine.follow(self._node_id)) as events:
            async for event in events:
                yield event

    async def logs(
        self, container_id: str, options: LogOptions
    ) -> AsyncGenerator[list[LogLine], None]:
        """The container's output in order."""
        container = self._must_be_ours(container_id)
        await self._engine.reached(Verb.LOGS, container.label.spec.image)
        if options.stdout:
            lines = [line for line in container.lines if _within(line, options)]
            tail = len(lines) if options.tail is None else options.tail
            yield lines[max(len(lines) - tail, 0) :]
        if options.follow and container.alive:
            await container.until_ended()

    async def inherited_fence(self) -> Fence | None:
        """What a former process had fenced last."""
        fence = self._engine.fences.get(self._node_id)
        return fence if fence is not None and fence.container_ids else None

    def fence(self, fence: Fence) -> None:
        """Note what is fenced. Nobody kills: in one process nothing is frozen that another could see."""
        self._engine.fences[self._node_id] = fence

    async def close(self) -> None:
        """Give up the pulls. Containers are left as they are."""
        await self._pulls.close()

    def _ours(self, container_id: str) -> SimulatedContainer | None:
        container = self._engine.containers.get(container_id)
        return container if container and container.label.node_id == self._node_id else None

    def _must_be_ours(self, container_id: str) -> SimulatedContainer:
        container = self._ours(container_id)
        if container is None:
            raise RuntimeFailure(removed_outside(container_id))
        return container

    async def _fetch(
        self,
        reference: str,
        tell: Callable[[PullProgress], None],
        _account: AskAccount | None,
    ) -> None:
        await self._engine.reached(Verb.PULL, reference)
        behaviour = self._engine.behaviour(reference)
        for step in range(1, PULL_STEPS + 1):
            await self._engine.spend(behaviour.pull_seconds / PULL_STEPS)
            done = behaviour.size_bytes * step // PULL_STEPS
            tell(
                PullProgress(
                    done_bytes=done, total_bytes=behaviour.size_bytes, status="downloading"
                )
            )
        self._engine.pulled.add(reference)


def _within(line: LogLine, options: LogOptions) -> bool:
    return options.since_ns <= line.at_ns and (
        not options.until_ns or line.at_ns <= options.until_ns
    )
