"""The machine under a simulated runtime: containers, images, ports, names, and what goes wrong with them.

Everything that happens is caused by a call or by a timer on the injected `sleep`, so a run under a virtual clock
repeats exactly. What a tester does to it (`kill`, `pause`, `go_away`, `fail_next`, …) happens at once.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from hashlib import blake2s

from cube.aio.clock import Clock, SystemClock
from cube.aio.supervise import Supervisor
from cube.model.allocation import Exit, Failure, FailureKind, PortBinding
from cube.model.container import ContainerState, Fence, RunLabel
from cube.model.ids import NodeId
from cube.model.resources import Resources
from cube.model.spec import Port, Protocol
from cube.model.usage import Consumption
from cube.runtime.contract import (
    ContainerEvent,
    EngineFacts,
    Resync,
    RuntimeFailure,
)
from cube.runtime.failures import Asked, Verb, away, port_taken, slow
from cube.runtime.images import full_reference
from cube.runtime.inside import ExecOptions
from cube.runtime.simulated_container import Behaviour, SimulatedContainer

Sleep = Callable[[float], Awaitable[object]]

HANGING_SECONDS = 30.0  # after which a caller of a real engine gives up
FIRST_FREE_PORT = 32_768
EVENTS_WAITING = 1_000  # more unread ones are forgotten, and the reader told to compare everything
KILLED = Exit(137)
CAPACITY = Resources(cpu_millis=4_000, memory_bytes=8 << 30)


class SimulatedEngine:
    """One machine. `behaviours` is by image; all `others` behave alike. A `script` says it for each run instead.

    `sleep` must wait by the clock that `clock` shows.
    """

    def __init__(
        self,
        behaviours: Mapping[str, Behaviour] | None = None,
        *,
        others: Behaviour = Behaviour(),
        script: Callable[[RunLabel], Behaviour] | None = None,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        capacity: Resources = CAPACITY,
    ) -> None:
        self._behaviours = {full_reference(name): how for name, how in (behaviours or {}).items()}
        self._others = others
        self._script = script
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self.facts = EngineFacts(
            version="simulated", platform="linux/amd64", capacity=capacity, runtime="simulated"
        )
        self.containers: dict[str, SimulatedContainer] = {}
        self.names: dict[str, SimulatedContainer | None] = {}  # None: a stranger's
        self.pulled: set[str] = set()
        self.fences: dict[NodeId, Fence] = {}  # what each node said last
        self.commands: list[ExecOptions] = []  # that run in its containers now
        self.files: dict[str, dict[str, bytes]] = {}  # put into containers: by container, by path
        self._ports: dict[tuple[int, Protocol], str] = {}  # by container id; empty: a stranger's
        self._numbers = itertools.count(1)
        self._free_ports = itertools.count(FIRST_FREE_PORT)
        self._failing: dict[Verb, list[FailureKind]] = {}
        self._losing: Counter[Verb] = Counter()
        self._away = self._hanging = False
        self._followers: list[tuple[NodeId, asyncio.Queue[ContainerEvent | Resync]]] = []
        self._timers = Supervisor()

    # What a worker's calls do ------------------------------------------------------------------

    def behaviour(self, image: str) -> Behaviour:
        """Return how this image behaves."""
        return self._behaviours.get(full_reference(image), self._others)

    def has_image(self, image: str) -> bool:
        """Whether a container of this image can be made without a pull."""
        return self.behaviour(image).present or full_reference(image) in self.pulled

    def images(self) -> list[str]:
        """Return the images that are known by name to be there."""
        named = (name for name, how in self._behaviours.items() if how.present)
        return sorted({*named, *self.pulled})

    async def reached(self, verb: Verb, image: str = "") -> None:
        """Let a call come in: it costs a turn of the loop, and fails if that is what was arranged."""
        await asyncio.sleep(0)
        if self._hanging:
            await self._sleep(HANGING_SECONDS)
            raise RuntimeFailure(slow(Asked(verb, image), HANGING_SECONDS))
        if self._away:
            raise RuntimeFailure(away("simulated", ""))
        if kinds := self._failing.get(verb):
            raise _scripted(kinds.pop(0), verb, image)
        if image and (kind := self.behaviour(image).failures.get(verb)):
            raise _scripted(kind, verb, image)

    def answered(self, verb: Verb) -> None:
        """Let the answer of a call go out, unless it was arranged to be lost."""
        if self._losing[verb]:
            self._losing[verb] -= 1
            raise RuntimeFailure(away("simulated", "it closed the connection"))

    async def spend(self, seconds: float) -> None:
        """Let this much time pass."""
        if seconds > 0:
            await self._sleep(seconds)

    def add(self, name: str, label: RunLabel) -> SimulatedContainer:
        """Make a container under a free name."""
        id = blake2s(str(next(self._numbers)).encode()).hexdigest()
        how = self._script(label) if self._script else self.behaviour(label.spec.image)
        container = SimulatedContainer(id, name, label, how)
        self.containers[id] = self.names[name] = container
        return container

    def start(self, container: SimulatedContainer) -> None:
        """Start it unless it is alive, and arrange its exit where it is to have one."""
        if container.alive:
            return
        container.begins(self._now_ms(), self._bind(container))
        self._announce(container, "start")
        seconds = container.behaviour.exits_after
        if seconds is not None and seconds <= 0:
            self._end(container, container.behaviour.exit)
        elif seconds is not None:
            exiting = self._exit_after(container, seconds)
            container.timer = self._timers.spawn(exiting, f"exit of {container.name}")

    async def stop(self, container: SimulatedContainer, signal: str, grace: float) -> None:
        """Signal it and see it end, killed after the grace where it does not listen."""
        self.unpause(container.id)
        how = container.behaviour
        if signal in ("KILL", "SIGKILL"):
            self._end(container, KILLED)
            return
        listens = not how.deaf and how.stop_seconds <= grace
        await self.spend(how.stop_seconds if listens else grace)
        if container.alive:
            self._end(container, how.stop_exit if listens else KILLED)

    async def follow(self, node_id: NodeId) -> AsyncGenerator[ContainerEvent | Resync, None]:
        """Yield what happens to a node's containers, a Resync first and after each absence."""
        queue: asyncio.Queue[ContainerEvent | Resync] = asyncio.Queue(EVENTS_WAITING)
        if not self._away:
            queue.put_nowait(Resync())
        follower = (node_id, queue)
        self._followers.append(follower)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.remove(follower)

    async def close(self) -> None:
        """Stop all timers."""
        await self._timers.close()

    # What a tester does ------------------------------------------------------------------------

    def kill(self, container_id: str, exit: Exit = KILLED) -> None:
        """End it behind the worker's back."""
        self._end(self.containers[container_id], exit)

    def pause(self, container_id: str) -> None:
        """Freeze it."""
        container = self.containers[container_id]
        if container.state is ContainerState.RUNNING:
            container.state = ContainerState.PAUSED
            self._announce(container, "pause")

    def unpause(self, container_id: str) -> None:
        """Let it go on."""
        container = self.containers[container_id]
        if container.state is ContainerState.PAUSED:
            container.state = ContainerState.RUNNING
            self._announce(container, "unpause")

    def remove(self, container_id: str) -> None:
        """Kill it if it is alive and forget it."""
        container = self.containers[container_id]
        if container.alive:
            self._end(container, KILLED)
        del self.containers[container_id], self.names[container.name]
        self.files.pop(container_id, None)
        self._announce(container, "destroy")

    def take_port(self, port: int, protocol: Protocol = Protocol.TCP) -> None:
        """Let a stranger listen on a port."""
        self._ports[port, protocol] = ""

    def take_name(self, name: str) -> None:
        """Let a stranger's container have a name."""
        self.names[name] = None

    def fail_next(self, verb: Verb, kind: FailureKind, times: int = 1) -> None:
        """Let the next calls of this verb fail without doing anything."""
        self._failing.setdefault(verb, []).extend([kind] * times)

    def lose_next(self, verb: Verb, times: int = 1) -> None:
        """Let the next calls of this verb be done, and their answers be lost."""
        self._losing[verb] += times

    def go_away(self) -> None:
        """Answer nobody and tell of no event. Containers live on."""
        self._away = True

    def hang(self) -> None:
        """Take calls and answer none."""
        self._hanging = True

    def come_back(self) -> None:
        """Answer again."""
        was_away, self._away, self._hanging = self._away, False, False
        if was_away:
            for _, queue in self._followers:
                _put(queue, Resync())

    def consumption(self, container: SimulatedContainer) -> Consumption | None:
        """Return what it would have used: all of the processor that it may, and half of its memory."""
        if not container.alive:
            return None
        spec, now_ms = container.label.spec, self._now_ms()
        return Consumption(
            cpu_ns=(now_ms - container.started_ms) * spec.cpu_millis * 1000,
            at_ns=now_ms * 1_000_000,
            memory_bytes=spec.memory_bytes // 2,
            memory_limit_bytes=spec.memory_bytes,
        )

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms

    def _bind(self, container: SimulatedContainer) -> tuple[PortBinding, ...]:
        ports = container.label.spec.ports
        for port in ports:
            if port.host_port and (port.host_port, port.protocol) in self._ports:
                raise RuntimeFailure(port_taken(port.host_port))
        bound = tuple(self._binding(port) for port in ports)
        for binding in bound:
            self._ports[binding.host_port, binding.protocol] = container.id
        return bound

    def _binding(self, port: Port) -> PortBinding:
        host_port = port.host_port or next(
            free for free in self._free_ports if (free, port.protocol) not in self._ports
        )
        return PortBinding(port.container_port, host_port, port.protocol, port.host_ip or "0.0.0.0")

    async def _exit_after(self, container: SimulatedContainer, seconds: float) -> None:
        await self._sleep(seconds)
        container.timer = None  # it is done: not to be cancelled by the end it brings
        self._end(container, container.behaviour.exit)

    def _end(self, container: SimulatedContainer, exit: Exit) -> None:
        if not container.alive:
            return
        for binding in container.ports:
            self._ports.pop((binding.host_port, binding.protocol), None)
        container.ends(self._now_ms(), exit)
        if exit.out_of_memory:
            self._announce(container, "oom")
        self._announce(container, "die")

    def _announce(self, container: SimulatedContainer, action: str) -> None:
        if self._away:
            return
        event = ContainerEvent(container_id=container.id, action=action, at_ms=self._now_ms())
        for node_id, queue in self._followers:
            if node_id == container.label.node_id:
                _put(queue, event)


def _put(queue: asyncio.Queue[ContainerEvent | Resync], item: ContainerEvent | Resync) -> None:
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        item = Resync()  # stands for all that were forgotten
    queue.put_nowait(item)


def _scripted(kind: FailureKind, verb: Verb, image: str) -> RuntimeFailure:
    return RuntimeFailure(Failure(kind, f"simulated: {verb} {image}".rstrip() + f" ({kind})"))
