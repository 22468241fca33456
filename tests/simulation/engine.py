"""A container engine: what it is asked to do, how that goes wrong, and what its containers do by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from cube.core.worker.steps import Create
from cube.model.allocation import Exit, Failure, FailureKind
from cube.model.container import ContainerSeen, RunLabel
from cube.model.ids import NodeId
from tests.simulation.containers import Container, Nature
from tests.simulation.faults import Air, Fault
from tests.simulation.schedule import Clock, Process, Schedule

LIMIT = 10.0  # how long a call is waited for; the real one is three times as patient

Outcome = ContainerSeen | Failure | tuple[ContainerSeen, ...] | None
Told = Callable[[Outcome], None]
Do = Callable[[Told], None]

SLOW = Failure(FailureKind.ENGINE_SLOW, "no answer from the engine")
AWAY = Failure(FailureKind.ENGINE_AWAY, "the engine cannot be reached")
ERROR = Failure(FailureKind.ENGINE_ERROR, "the engine says: internal error")
GONE = Failure(FailureKind.REMOVED_OUTSIDE, "no such container")


def _nobody(_outcome: Outcome) -> None:
    """Where an answer goes that is lost."""


class State(Enum):
    """Whether an engine works."""

    UP = "up"
    DOWN = "down"
    HUNG = "hung"


class Watcher:
    """Who follows an engine's events: a worker process, by its node's label."""

    def __init__(self, process: Process, node_id: NodeId, hear: Callable[[str, str], None]) -> None:
        self.process = process
        self.node_id = node_id
        self.hear = hear  # (container id, action); ("", "resync") after a gap


class Engine:
    """The containers of one host. `changed` is told of everything that truly happens to one of them."""

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        clock: Clock,
        air: Air,
        *,
        changed: Callable[[Container, str], None],
        stubborn: bool,
    ) -> None:
        self.name = name
        self.state = State.UP
        self.containers: dict[str, Container] = {}
        self.strangers_ports: set[int] = set()
        self._schedule = schedule
        self._clock = clock
        self._air = air
        self._changed = changed
        self._stubborn = stubborn
        self._images = {"app", "job"}
        self._watchers: list[Watcher] = []
        self._held: list[Do] = []
        self._made = 0
        self.troubled_until = (
            -1e9
        )  # until then somebody had to wait, or it did not do as it was told

    # -- being asked --------------------------------------------------------------------------------------------

    def ask(self, process: Process, do: Do, told: Told, *, changes: bool = True) -> None:
        """Have something done, and tell the process how it went, as far as that can be known there.

        `changes`: it is no mere look, and may be done although the answer says otherwise.
        """
        random, air = self._air.random, self._air
        if self.state is State.DOWN:
            return self._fail(process, 0.01, told, AWAY)
        if self.state is State.HUNG:
            self._held.append(do)
            return self._fail(process, LIMIT, told, SLOW)
        seconds = 0.001 + 0.05 * random.random() ** 2
        if air.strikes(Fault.ENGINE_SLOW):
            seconds = random.uniform(0.1, 6.0)
            self._trouble(seconds)
        if air.strikes(Fault.ENGINE_ERRORS):
            return self._fail(process, seconds, told, ERROR)
        if changes and air.strikes(Fault.ENGINE_ANSWERS):
            self._schedule.after(seconds * random.random(), self._do_unheard, do)
            return self._fail(process, random.choice((seconds, LIMIT)), told, SLOW)
        if changes and air.strikes(Fault.ENGINE_LATE):
            self._schedule.after(LIMIT + random.uniform(0.0, 5.0), self._do_unheard, do)
            return self._fail(process, LIMIT, told, SLOW)
        self._schedule.after(seconds * random.random(), self._do, do, seconds, told, process)

    def _do(self, do: Do, seconds: float, told: Told, process: Process) -> None:
        if self.state is not State.UP:  # it went away before it came to it
            return self._fail(process, 0.01 if self.state is State.DOWN else LIMIT, told, AWAY)

        def answer(outcome: Outcome) -> None:
            if self.state is State.DOWN:
                outcome = AWAY
            self._schedule.after(seconds * self._air.random.random(), process.call, told, outcome)

        do(answer)

    def _do_unheard(self, do: Do) -> None:
        if self.state is State.UP:
            do(self._note_unheard)  # a stop is done once its grace is over
        self._trouble(0.0)

    def _note_unheard(self, _: Outcome) -> None:
        self._trouble(0.0)

    def _fail(self, process: Process, seconds: float, told: Told, failure: Failure) -> None:
        self._trouble(seconds)
        self._schedule.after(seconds, process.call, told, failure)

    def _trouble(self, seconds: float) -> None:
        self.troubled_until = max(self.troubled_until, self._schedule.now + seconds)

    # -- what can be asked --------------------------------------------------------------------------------------

    def look(self, node_id: NodeId) -> tuple[ContainerSeen, ...]:
        """All containers of a node, as they are now."""
        return tuple(one.seen for one in self._of(node_id))

    def _of(self, node_id: NodeId) -> Iterator[Container]:
        return (one for one in self.containers.values() if one.label.node_id == node_id)

    def inspect(self, container_id: str, node_id: NodeId) -> ContainerSeen | None:
        """One container of a node."""
        found = self.containers.get(container_id)
        return found.seen if found and found.label.node_id == node_id else None

    def pull(self, image: str) -> Failure | None:
        """Fetch an image."""
        if image == "nowhere":
            return Failure(FailureKind.IMAGE_MISSING, f"image {image} not found")
        self._images.add(image)
        return None

    def create(self, step: Create, cluster_id: str, node_id: NodeId) -> ContainerSeen | Failure:
        """Make the container of a run, or find it made."""
        if step.spec.image not in self._images:
            return Failure(FailureKind.IMAGE_MISSING, f"no image {step.spec.image}")
        run = (step.id, step.restart)
        for one in self._of(node_id):
            if (one.label.allocation_id, one.label.restart) == run:
                return one.seen
        label = RunLabel(
            cluster_id=cluster_id,
            node_id=node_id,
            allocation_id=step.id,
            restart=step.restart,
            spec=step.spec,
            devices=step.devices,
            revision=step.revision,
        )
        return self.add(label).seen

    def add(self, label: RunLabel) -> Container:
        """Make a container of this label, whoever asks for it."""
        self._made += 1
        nature = Nature(stubborn=self._stubborn and self._air.random.random() < 0.5)
        made = Container(f"{self.name}-c{self._made}", label, nature)
        self.containers[made.id] = made
        self._changed(made, "made")
        return made

    def start(self, container_id: str) -> ContainerSeen | Failure:
        """Start a container; one that runs goes on."""
        found = self.containers.get(container_id)
        if found is None:
            return GONE
        if found.runs:
            return found.seen
        for port, _ in found.label.spec.host_ports:
            if port in self.strangers_ports or any(
                other.runs and (port in dict(other.label.spec.host_ports))
                for other in self.containers.values()
            ):
                return Failure(FailureKind.PORT_TAKEN, f"port {port} is taken")
        found.begin(self._clock.now().wall_ms)
        self._changed(found, "started")
        self._emit(found, "start")
        self._live(found)
        return found.seen

    def remove(self, container_id: str) -> Failure | None:
        """Remove a container, by force."""
        found = self.containers.get(container_id)
        if found is None:
            return None
        if found.stuck:
            return Failure(FailureKind.ENGINE_ERROR, "it cannot be killed")
        if found.runs:
            self.end(found, Exit(137))
        del self.containers[container_id]
        self._changed(found, "removed")
        self._emit(found, "destroy")
        return None

    def stop(self, container_id: str, grace_ms: int, answer: Callable[[Outcome], None]) -> None:
        """Signal it, kill it after the grace, and answer when it has ended."""
        found = self.containers.get(container_id)
        if found is None or not found.runs:
            return answer(found.seen if found else None)
        if found.paused:
            found.resume()
        run = found.runs_begun
        after = grace_ms / 1000
        if not found.nature.stubborn:
            after = min(after, 0.2 * self._air.random.random())
        code = 137 if found.nature.stubborn else 143
        self._schedule.after(after, self._stopped, found, run, code, answer)

    def kill(self, container_id: str) -> Failure | None:
        """Kill a container for its watchdog."""
        found = self.containers.get(container_id)
        if found is None or not found.runs:
            return None
        if found.stuck:
            self._trouble(0.0)
            return Failure(FailureKind.ENGINE_ERROR, "it cannot be killed")
        found.fenced = True
        self.end(found, Exit(137))
        return None

    def _stopped(
        self, found: Container, run: int, code: int, answer: Callable[[Outcome], None]
    ) -> None:
        if found.runs and found.runs_begun == run:
            if found.stuck:
                self._trouble(0.0)
                return answer(Failure(FailureKind.ENGINE_ERROR, "it cannot be killed"))
            self.end(found, Exit(code))
        present = self.containers.get(found.id)
        answer(present.seen if present else None)

    # -- what happens by itself ---------------------------------------------------------------------------------

    def _live(self, container: Container) -> None:
        """Let it run for as long as such an image does."""
        image, random = container.label.spec.image, self._air.random
        if image == "job":
            self._schedule.after(random.uniform(0.5, 5.0), self._expire, container, Exit(0))
        elif image == "crash":
            self._schedule.after(random.uniform(0.05, 1.0), self._expire, container, Exit(1))

    def _expire(self, container: Container, how: Exit) -> None:
        if container.stuck:
            self._schedule.after(1.0, self._expire, container, how)
        elif container.runs:
            self.end(container, how)

    def end(self, container: Container, how: Exit) -> None:
        """A running container ends."""
        container.end(how, self._clock.now().wall_ms)
        self._changed(container, f"ended with {how.describe()}")
        self._emit(container, "die")

    def pause(self, container: Container) -> None:
        """Somebody freezes it."""
        container.pause()
        self._emit(container, "pause")

    def unpause(self, container: Container) -> None:
        """And thaws it."""
        container.resume()
        self._emit(container, "unpause")

    # -- being watched ------------------------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Tell this worker of events. The first is that it may have missed some."""
        self._watchers = [one for one in self._watchers if one.process.alive] + [watcher]
        if self.state is State.UP:
            self._schedule.after(0.001, watcher.process.call, watcher.hear, "", "resync")

    def _emit(self, container: Container, action: str) -> None:
        if self.state is not State.UP:
            return
        for watcher in self._watchers:
            if watcher.node_id == container.label.node_id:
                if self._air.strikes(Fault.ENGINE_EVENTS):
                    continue
                seconds = 0.001 + 0.01 * self._air.random.random()
                self._schedule.after(
                    seconds, watcher.process.call, watcher.hear, container.id, action
                )

    # -- its own life -------------------------------------------------------------------------------------------

    def go_down(self, *, containers_die: bool) -> None:
        """Stop answering; what was asked for is forgotten."""
        self.state = State.DOWN
        self._trouble(0.0)
        self._held.clear()
        if containers_die:
            for container in self.containers.values():
                if container.runs:
                    container.end(Exit(137), self._clock.now().wall_ms)
                    self._changed(container, "died with its engine")

    def hang(self) -> None:
        """Take questions and answer none."""
        if self.state is State.UP:
            self.state = State.HUNG
            self._trouble(0.0)

    def come_up(self) -> None:
        """Answer again. What was asked of it while it hung may be done now."""
        if self.state is State.UP:
            return
        self.state = State.UP
        self._trouble(0.0)
        held, self._held = self._held, []
        for do in held:
            if self._air.random.random() < 0.5:
                do(_nobody)
        for watcher in self._watchers:
            self._schedule.after(
                self._air.random.uniform(0.0, 1.0), watcher.process.call, watcher.hear, "", "resync"
            )
