"""Who does the deeds: each finds its victim by its draws, and takes back what it did after a while."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.inputs import RemoveNode, SetAvailability
from cube.model.allocation import Exit
from cube.model.node import Availability
from tests.simulation.containers import Container
from tests.simulation.engine import Engine
from tests.simulation.faults import Deed, Fault
from tests.simulation.hosts import Host
from tests.simulation.network import Side
from tests.simulation.world import World


class Nemesis:
    """Does to the world what a plan says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._schedule = world.schedule
        self._deeds: dict[Fault, Callable[[Host, tuple[float, ...]], str]] = {
            Fault.CUT: self._cut(Side.WORKER, Side.MANAGER),
            Fault.CUT_UP: self._cut(Side.WORKER),
            Fault.CUT_DOWN: self._cut(Side.MANAGER),
            Fault.EXIT: self._exit,
            Fault.OOM: self._out_of_memory,
            Fault.STUBBORN: self._exit,
            Fault.UNKILLABLE: self._unkillable,
            Fault.OUTSIDE: self._outside,
            Fault.PORT: self._port,
            Fault.ENGINE_RESTART: self._engine_restart,
            Fault.ENGINE_HANG: self._engine_hang,
            Fault.WORKER_KILL: self._worker_kill,
            Fault.WORKER_PAUSE: self._worker_pause,
            Fault.HOST_KILL: self._host_kill,
            Fault.CLONE: self._clone,
            Fault.WIPE: self._wipe,
            Fault.WALL: self._wall,
            Fault.MANAGER_KILL: self._manager_kill,
            Fault.MANAGER_PAUSE: self._manager_pause,
            Fault.COMMIT_CRASH: self._commit_crash,
            Fault.FULL: self._full,
            Fault.PUT_BACK: self._put_back,
            Fault.ADMIN: self._admin,
            Fault.DRAIN: self._drain,
        }

    def do(self, deed: Deed) -> None:
        """Do it."""
        hosts = [host for host in self._world.hosts if not host.is_clone]
        host = hosts[int(deed.draws[0] * len(hosts))]
        how = self._deeds[deed.fault](host, deed.draws[1:])
        if how:
            self._world.story.tell("nemesis", "{}: {}", deed.fault, how)

    def _later(self, draw: float, least: float, most: float, action: Callable[..., None]) -> float:
        seconds = least + draw * draw * (most - least)
        self._schedule.after(seconds, action)
        return seconds

    # -- the network --------------------------------------------------------------------------------------------

    def _cut(self, *sides: Side) -> Callable[[Host, tuple[float, ...]], str]:
        def cut(host: Host, draws: tuple[float, ...]) -> str:
            def heal() -> None:
                for side in sides:
                    host.line.set(side, cut=False)

            for side in sides:
                host.line.set(side, cut=True)
            seconds = self._later(draws[0], 0.5, 20.0, heal)
            return f"{host.name} for {seconds:.1f} s"

        return cut

    # -- containers ---------------------------------------------------------------------------------------------

    def _some(self, host: Host, draw: float, *, running: bool = True) -> Container | None:
        found = [one for one in host.engine.containers.values() if one.runs or not running]
        return found[int(draw * len(found))] if found and host.alive else None

    def _exit(self, host: Host, draws: tuple[float, ...]) -> str:
        victim = self._some(host, draws[0])
        if victim is None or victim.stuck:
            return ""
        if draws[2] < 0.2:
            victim.ill = True
            return f"{victim.id} fails its probes"
        code = (0, 1, 1, 137, 255)[int(draws[1] * 5)]
        host.engine.end(victim, Exit(code))
        return f"{victim.id} with {code}"

    def _out_of_memory(self, host: Host, draws: tuple[float, ...]) -> str:
        victim = self._some(host, draws[0])
        if victim is None or victim.stuck:
            return ""
        host.engine.end(victim, Exit(137, out_of_memory=True))
        return victim.id

    def _unkillable(self, host: Host, draws: tuple[float, ...]) -> str:
        victim = self._some(host, draws[0])
        if victim is None:
            return ""

        def relent() -> None:
            victim.stuck = False

        victim.stuck = True
        seconds = self._later(draws[1], 2.0, 20.0, relent)
        return f"{victim.id} for {seconds:.1f} s"

    def _outside(self, host: Host, draws: tuple[float, ...]) -> str:
        victim = self._some(host, draws[0], running=False)
        engine = host.engine
        if victim is None or victim.stuck:
            return ""
        kind = draws[1]
        if kind < 0.3:
            self._world.witness.taken_away(victim)
            engine.remove(victim.id)
            return f"{victim.id} is removed"
        if victim.runs and kind < 0.45:
            engine.end(victim, Exit(143))
            return f"{victim.id} is stopped"
        if victim.runs and not victim.paused and kind < 0.65:
            engine.pause(victim)
            seconds = self._later(draws[2], 1.0, 10.0, lambda: _thaw(engine, victim))
            return f"{victim.id} is paused for {seconds:.1f} s"
        if victim.runs:
            engine.end(victim, Exit(143))
        victim.touched_by_hand = True
        engine.start(victim.id)
        return f"{victim.id} is started"

    def _port(self, host: Host, draws: tuple[float, ...]) -> str:
        ports = host.engine.strangers_ports
        ports.add(8080)
        seconds = self._later(draws[0], 2.0, 15.0, ports.clear)
        return f"8080 of {host.name} for {seconds:.1f} s"

    # -- engines and hosts --------------------------------------------------------------------------------------

    def _engine_restart(self, host: Host, draws: tuple[float, ...]) -> str:
        die = draws[0] < 0.5
        host.engine.go_down(containers_die=die)
        seconds = self._later(draws[1], 0.3, 15.0, host.engine_up)
        return f"{host.name}, {seconds:.1f} s, its containers {'die' if die else 'live'}"

    def _engine_hang(self, host: Host, draws: tuple[float, ...]) -> str:
        host.engine.hang()
        seconds = self._later(draws[0], 1.0, 25.0, host.engine_up)
        return f"{host.name} for {seconds:.1f} s"

    def _worker_kill(self, host: Host, draws: tuple[float, ...]) -> str:
        host.kill_worker()
        seconds = self._later(draws[0], 0.1, 12.0, host.start_worker)
        if draws[1] < 0.3:  # and somebody cleans up while nobody looks
            for victim in [one for one in host.engine.containers.values() if not one.stuck]:
                self._world.witness.taken_away(victim)
                host.engine.remove(victim.id)
            return f"{host.name} for {seconds:.1f} s, and its containers are removed"
        return f"{host.name} for {seconds:.1f} s"

    def _worker_pause(self, host: Host, draws: tuple[float, ...]) -> str:
        host.pause_worker()
        seconds = self._later(draws[0], 0.5, 15.0, host.resume_worker)
        return f"{host.name} for {seconds:.1f} s"

    def _host_kill(self, host: Host, draws: tuple[float, ...]) -> str:
        host.die()
        seconds = self._later(draws[0], 2.0, 25.0, host.boot)
        return f"{host.name} for {seconds:.1f} s"

    def _clone(self, host: Host, draws: tuple[float, ...]) -> str:
        if host.cloned or host.identity.cluster_id == "":
            return ""
        clone = self._world.add_host(f"{host.name}x{len(self._world.hosts)}")
        clone.impersonate(host)
        clone.start_worker()
        seconds = self._later(draws[0], 1.0, 12.0, clone.die)
        return f"{clone.name} says to be {host.name} for {seconds:.1f} s"

    def _wipe(self, host: Host, draws: tuple[float, ...]) -> str:
        host.kill_worker()
        host.forget_identity()
        self._later(draws[0], 0.1, 5.0, host.start_worker)
        return f"{host.name} comes back as {host.identity.node_id}"

    def _wall(self, host: Host, draws: tuple[float, ...]) -> str:
        seconds = (draws[0] - 0.5) * (20.0 if draws[1] < 0.7 else 7200.0)
        if draws[2] < 0.3:
            self._world.clock.wall += seconds
            return f"the manager's by {seconds:.1f} s"
        host.clock.wall += seconds
        return f"that of {host.name} by {seconds:.1f} s"

    # -- the manager --------------------------------------------------------------------------------------------

    def _manager_kill(self, _: Host, draws: tuple[float, ...]) -> str:
        self._world.kill_manager()
        return f"for {self._later(draws[0], 0.2, 12.0, self._world.start_manager):.1f} s"

    def _manager_pause(self, _: Host, draws: tuple[float, ...]) -> str:
        manager = self._world.manager
        if manager is None or not manager.process.alive:
            return ""
        manager.process.pause()
        return f"for {self._later(draws[0], 0.3, 10.0, self._world.resume_manager):.1f} s"

    def _commit_crash(self, _: Host, draws: tuple[float, ...]) -> str:
        self._world.ledger.crash = "before" if draws[0] < 0.5 else "after"
        self._later(draws[1], 1.0, 6.0, self._world.start_manager)
        return f"the next one, {self._world.ledger.crash} it is written"

    def _full(self, _: Host, draws: tuple[float, ...]) -> str:
        self._world.ledger.full = True

        def free() -> None:
            self._world.ledger.full = False

        return f"for {self._later(draws[0], 0.2, 8.0, free):.1f} s"

    def _put_back(self, _: Host, draws: tuple[float, ...]) -> str:
        world = self._world
        # A node that joined since the backup and calls late is not waited for: docs/explanation/failure-model.md.
        if Fault.WIPE in world.plan.kinds or not world.ledger.has_backup(world.plan.hosts):
            return ""
        world.kill_manager()
        world.ledger.put_back(draws[0], world.plan.hosts)
        world.witness.put_back()
        seconds = self._later(draws[1], 0.2, 6.0, world.start_manager)
        return f"to what it was before revision {world.ledger.lineage.gaps[-1].after + 1}, {seconds:.1f} s"

    # -- people -------------------------------------------------------------------------------------------------

    def _admin(self, host: Host, draws: tuple[float, ...]) -> str:
        manager = self._world.manager
        if manager is None or not manager.process.alive:
            return ""
        node_id = host.identity.node_id
        availability = tuple(Availability)[int(draws[0] * 3)]
        patience = None
        if availability is Availability.DRAINING and draws[2] < 0.4:
            patience = draws[2] * 25.0
        wish: RemoveNode | SetAvailability = SetAvailability(node_id, availability, patience)
        if draws[1] < 0.2:
            wish = RemoveNode(node_id, force=draws[2] < 0.5)
        manager.process.call(manager.decider.post, [wish])
        return str(wish)

    def _drain(self, host: Host, draws: tuple[float, ...]) -> str:
        node_id = host.identity.node_id
        patience = draws[1] * 30.0 if draws[1] < 0.3 else None

        def wish(availability: Availability, patience: float | None = None) -> None:
            manager = self._world.manager
            if manager is not None and manager.process.alive:
                asked = [SetAvailability(node_id, availability, patience)]
                manager.process.call(manager.decider.post, asked)

        wish(Availability.DRAINING, patience)

        def reopen() -> None:
            if self._schedule.now < self._world.plan.length:  # else it is to come to an end
                wish(Availability.ACTIVE)

        seconds = self._later(draws[0], 1.0, 20.0, reopen)
        return f"{host.name} for {seconds:.1f} s, patience {patience}"


def _thaw(engine: Engine, container: Container) -> None:
    if container.paused:
        engine.unpause(container)
