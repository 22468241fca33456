"""A machine: an engine, a worker process on it, and a line to the manager."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.worker.core import WorkerCore
from cube.model.ids import NodeId
from cube.model.node import Facts
from cube.model.resources import Resources
from cube.model.timing import Timing
from tests.simulation.engine import Engine, State
from tests.simulation.faults import Air, Fault
from tests.simulation.network import Connection, Line, Side
from tests.simulation.schedule import Clock, Process, Schedule
from tests.simulation.session import Opened
from tests.simulation.watchdog import Watchdog
from tests.simulation.witness import Witness
from tests.simulation.worker import Identity, Worker

MIB = 1024**2
CAPACITY = Resources(cpu_millis=2_000, memory_bytes=1024 * MIB, disk_bytes=1024 * MIB)


class Host:
    """One machine. `accept` takes a connection to the manager, or says that there is none to talk to."""

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        air: Air,
        witness: Witness,
        *,
        accept: Callable[[Connection], bool],
        timing: Timing,
        stubborn: bool,
        clock: type[Clock],
        worker_core: type[WorkerCore],
    ) -> None:
        self.name = name
        self.identity = Identity(NodeId(name), Facts(name=name, capacity=CAPACITY))
        self.line = Line(schedule, air)
        self.clock = clock(
            schedule,
            offset=air.random.uniform(100.0, 10_000.0),
            rate=1.0 + air.random.uniform(-1.0, 1.0) * air.rate(Fault.DRIFT),
            wall=1_700_000_000.0,
        )
        self.engine = Engine(
            name,
            schedule,
            self.clock,
            air,
            changed=lambda container, what: witness.happened(self, container, what),
            stubborn=stubborn,
        )
        self.watchdog = Watchdog(schedule, self.clock, self.engine)
        self.alive = True
        self.is_clone = False
        self.clones: list[Host] = []
        self.worker: Worker | None = None
        self.worker_began = 0.0
        self._troubled_at = -1e9  # when the worker last was not able to do its duty
        self._identities = 1
        self._schedule = schedule
        self._air = air
        self._witness = witness
        self._accept = accept
        self._timing = timing
        self._worker_core = worker_core

    @property
    def cloned(self) -> bool:
        """Whether another machine says, or said just now, to be this one."""
        return self.is_clone or any(one.alive or one.troubled(20.0) for one in self.clones)

    @property
    def working(self) -> bool:
        """Whether its worker does its duty."""
        worker = self.worker
        return worker is not None and worker.process.alive and not worker.process.paused

    def troubled(self, lately: float) -> bool:
        """Whether nobody here could be relied on to stop a container, now or lately."""
        away = self._schedule.now - self._troubled_at < lately
        return not self.working or away or self.unguarded(lately)

    def unguarded(self, lately: float) -> bool:
        """Whether not even the watchdog could be relied on to end a container, now or lately."""
        engine = self.engine
        return engine.state is not State.UP or self._schedule.now - engine.troubled_until < lately

    def note_trouble(self) -> None:
        """The worker cannot do its duty at this moment."""
        self._troubled_at = self._schedule.now

    def start_worker(self) -> None:
        """Start the worker, unless one is there."""
        if not self.alive or (self.worker is not None and self.worker.process.alive):
            return
        self.note_trouble()
        self.worker_began = self._schedule.now
        self._witness.story.tell(self.name, "the worker starts, as {}", self.identity.node_id)
        self.worker = Worker(
            Process(self._schedule, self.clock),
            self.identity,
            self.engine,
            self.watchdog,
            dial=self._dial,
            timing=self._timing,
            air=self._air,
            witness=self._witness,
            core=self._worker_core,
        )

    def kill_worker(self) -> None:
        """SIGKILL. The kernel closes its connection."""
        if self.worker is not None and self.worker.process.alive:
            self.note_trouble()
            self.worker.process.kill()
            self.worker.session.drop()

    def pause_worker(self) -> None:
        """SIGSTOP."""
        if self.worker is not None and self.worker.process.alive:
            self.note_trouble()
            self.worker.process.pause()

    def resume_worker(self) -> None:
        """SIGCONT."""
        if self.worker is not None and self.worker.process.paused:
            self.note_trouble()
            self.worker.process.resume()

    def die(self) -> None:
        """The power goes: worker, engine, containers, connections."""
        self.alive = False
        self.note_trouble()
        self.watchdog.die()
        self.watchdog = Watchdog(self._schedule, self.clock, self.engine)
        if self.worker is not None:
            self.worker.process.kill()
        self.line.fall_silent()
        self.engine.go_down(containers_die=True)

    def boot(self) -> None:
        """The power is back."""
        if not self.alive and not self.is_clone:
            self.alive = True
            self.engine.come_up()
            self.start_worker()

    def engine_up(self) -> None:
        """The engine works again."""
        if self.alive:
            self.engine.come_up()

    def impersonate(self, host: Host) -> None:
        """Be a copy of that machine's disk, without its containers."""
        self.is_clone = True
        self.identity = host.identity
        host.clones.append(self)

    def forget_identity(self) -> None:
        """The worker's data directory is lost; the containers are not."""
        self.watchdog = Watchdog(self._schedule, self.clock, self.engine)  # the old one goes on
        self._identities += 1
        name = f"{self.name}-{self._identities}"
        self.identity = Identity(NodeId(name), Facts(name=name, capacity=CAPACITY))

    def heal(self) -> None:
        """All faults of this machine end; a clone is found and taken out."""
        if self.is_clone:
            return self.die() if self.alive else None
        for side in Side:
            self.line.set(side, cut=False)
        self.boot()
        self.engine.come_up()
        self.engine.strangers_ports.clear()
        for container in self.engine.containers.values():
            container.stuck = False
            if container.paused:
                self.engine.unpause(container)
        self.resume_worker()
        return self.start_worker()

    def _dial(self, opened: Opened) -> None:
        self._schedule.after(0.001 + self.line.delay(), self._dialled, opened)

    def _dialled(self, opened: Opened) -> None:
        if not self.line.whole:
            return  # neither yes nor no comes back
        connection = self.line.connect()
        opened(connection if self._accept(connection) else None)
