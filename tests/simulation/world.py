"""The whole system on one virtual clock: hosts, a manager on its ledger, users; and how each is brought down."""

from __future__ import annotations

from cube.core.inputs import EndRecovery
from cube.core.manager import ManagerCore
from cube.core.worker.core import WorkerCore
from cube.model.timing import Timing
from tests.simulation.decider import Decider
from tests.simulation.faults import Air, Fault, Plan
from tests.simulation.hosts import Host
from tests.simulation.ledger import Ledger
from tests.simulation.manager import Manager
from tests.simulation.network import Connection
from tests.simulation.schedule import Clock, Process, Schedule
from tests.simulation.story import Story
from tests.simulation.users import User
from tests.simulation.witness import Witness

STRATEGIES = ("fit", "spread", "binpack", "epvm", "round-robin")


class Parts:
    """What the system is made of. A broken variant of one of them is to be found out."""

    def __init__(
        self,
        *,
        manager: type[Manager] = Manager,
        manager_core: type[ManagerCore] = ManagerCore,
        decider: type[Decider] = Decider,
        worker_core: type[WorkerCore] = WorkerCore,
        clock: type[Clock] = Clock,
        timing: Timing = Timing(),
    ) -> None:
        self.manager = manager
        self.manager_core = manager_core
        self.decider = decider
        self.worker_core = worker_core
        self.clock = clock
        self.timing = timing


class World:
    """Everything there is in one history."""

    def __init__(self, plan: Plan, parts: Parts, *, told: bool) -> None:
        self.plan = plan
        self.parts = parts
        self.schedule = Schedule()
        self.air = Air(plan)
        self.story = Story(lambda: self.schedule.now, wanted=told)
        self.witness = Witness(self.schedule, self.story)
        self.ledger = Ledger(self.schedule, self.air, self.witness.recorded)
        self.ledger.kill = self.kill_manager
        self.witness.ledger = self.ledger
        random = self.air.random
        self.clock = parts.clock(
            self.schedule,
            offset=random.uniform(100.0, 10_000.0),
            rate=1.0 + random.uniform(-1.0, 1.0) * self.air.rate(Fault.DRIFT),
            wall=1_700_000_000.0,
        )
        self.strategy = random.choice(STRATEGIES)
        self.manager: Manager | None = None
        self.hosts: list[Host] = []
        self.users = [
            User(name, tasks, self.schedule, self.air, self.witness, manager=lambda: self.manager)
            for name, tasks in (("alice", ("web", "db")), ("bob", ("job", "api")))
        ]
        for number in range(plan.hosts):
            self.add_host(f"w{number + 1}")
        self.start_manager()
        for host in self.hosts:
            self.schedule.after(random.uniform(0.0, 1.0), host.start_worker)

    def add_host(self, name: str) -> Host:
        """Put up a machine. Its worker is not started yet."""
        host = Host(
            name,
            self.schedule,
            self.air,
            self.witness,
            accept=self._accept,
            timing=self.parts.timing,
            stubborn=Fault.STUBBORN in self.plan.kinds,
            clock=self.parts.clock,
            worker_core=self.parts.worker_core,
        )
        self.hosts.append(host)
        self.witness.hosts.append(host)
        return host

    def start_manager(self) -> None:
        """Start the manager, unless there is one."""
        if self.manager is not None and self.manager.process.alive:
            return
        self.story.tell("manager", "starts from revision {}", self.ledger.revision)
        self.manager = self.parts.manager(
            Process(self.schedule, self.clock),
            self.ledger,
            timing=self.parts.timing,
            strategy=self.strategy,
            witness=self.witness,
            core=self.parts.manager_core,
            decider=self.parts.decider,
        )

    def kill_manager(self) -> None:
        """SIGKILL. It is not started again by itself."""
        if self.manager is not None and self.manager.process.alive:
            self.story.tell("manager", "is killed")
            self.manager.kill()

    def resume_manager(self) -> None:
        """SIGCONT, unless it died meanwhile."""
        if self.manager is not None and self.manager.process.paused:
            unread = self.manager.conversations.unread()
            self.witness.manager_wakes(unread, self.manager.process.paused_at)
            self.manager.process.resume()

    def end_recovery(self) -> None:
        """An administrator sees that all workers are here."""
        manager = self.manager
        if manager is not None and manager.core.recovering is not None:
            manager.process.call(manager.decider.post, [EndRecovery()])

    def _accept(self, connection: Connection) -> bool:
        manager = self.manager
        if manager is None or not manager.process.alive:
            return False
        manager.process.call(manager.conversations.accept, connection)
        return True

    def heal(self) -> None:
        """All faults end."""
        self.story.tell("nemesis", "all faults end")
        self.air.clear()
        self.ledger.full = False
        self.ledger.crash = ""
        self.resume_manager()
        self.start_manager()
        for host in list(self.hosts):
            host.heal()
