"""An allocation: one stay of one slot on one worker, and what was seen of it.

Three kinds of facts with one writer each: where it is and whether it is still wanted (the manager), what was
observed (the worker), that its node was given up (the manager's verdict).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from cube.model.extras import Share
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Protocol


class Phase(IntEnum):
    """How far one run of an allocation has come. Numbered with gaps; observed phases only grow within a run.

    EXITED is a run that ended and will be followed by another here; from COMPLETED on the allocation has ended.
    """

    ASSIGNED = 0
    PULLING = 10
    CREATING = 20
    STARTING = 30
    RUNNING = 40
    STOPPING = 50
    EXITED = 60
    COMPLETED = 70
    FAILED = 80
    REMOVED = 90  # by order, with its containers

    @property
    def ended(self) -> bool:
        """Whether nothing of this allocation will ever run again."""
        return self >= Phase.COMPLETED


class Health(StrEnum):
    """What the probes say of a running container; NONE where the task has no health check."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class FailureKind(StrEnum):
    """Why a run could not start or was ended by cube. Each is a fact with a remedy, not an exception."""

    IMAGE_MISSING = "image_missing"
    REGISTRY_DENIED = "registry_denied"
    REGISTRY_AWAY = "registry_away"
    COMMAND_NOT_FOUND = "command_not_found"
    PORT_TAKEN = "port_taken"
    NAME_TAKEN = "name_taken"
    NO_SPACE = "no_space"
    ENGINE_AWAY = "engine_away"
    ENGINE_SLOW = "engine_slow"
    BAD_SPEC = "bad_spec"
    NOT_ALLOWED = "not_allowed"  # by the worker's own policy
    SECRET_MISSING = "secret_missing"
    UNHEALTHY = "unhealthy"
    REMOVED_OUTSIDE = "removed_outside"
    STUCK = "stuck"
    ENGINE_ERROR = "engine_error"

    @property
    def permanent(self) -> bool:
        """Whether no retry anywhere can mend it: the user has to change the task."""
        return self in _PERMANENT

    @property
    def local(self) -> bool:
        """Whether another node may do better."""
        return self in _LOCAL


_PERMANENT = frozenset(
    {
        FailureKind.IMAGE_MISSING,
        FailureKind.REGISTRY_DENIED,
        FailureKind.COMMAND_NOT_FOUND,
        FailureKind.BAD_SPEC,
        FailureKind.NOT_ALLOWED,
    }
)
_LOCAL = frozenset({FailureKind.PORT_TAKEN, FailureKind.NO_SPACE})


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A fact that kept a run from starting or ended it, with the sentence people read."""

    kind: FailureKind
    message: str


class Exit(msgspec.Struct, frozen=True, gc=False):
    """How a container ended, as the engine reported it. A death by signal N has the code 128 + N."""

    code: int
    out_of_memory: bool = False

    def describe(self) -> str:
        """Return the words for a table: `exit 137 (out of memory)`."""
        if self.out_of_memory:
            return f"exit {self.code} (out of memory)"
        return f"exit {self.code} ({self.signal})" if self.signal else f"exit {self.code}"

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it; None when none did."""
        return _SIGNALS.get(self.code - 128)


_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
} | {
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
}  # the numbers of Linux on x86 and ARM; written out because `signal` reads the machine it runs on


class PortBinding(msgspec.Struct, frozen=True, gc=False):
    """Where a container port can be reached on the node."""

    container_port: int
    host_port: int
    protocol: Protocol = Protocol.TCP
    host_ip: str = "0.0.0.0"


class Timings(msgspec.Struct, frozen=True, gc=False):
    """How long the steps of one start took on the worker, in milliseconds."""

    pull_ms: int = 0
    create_ms: int = 0
    start_ms: int = 0


class Observed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What the worker last saw of an allocation. Ordered by `stamp` and only moves forward."""

    phase: Phase = Phase.ASSIGNED
    restart: int = 0  # which run this is: 0 the first, n after n restarts here
    epoch: int = 0  # the worker session that reported it
    sequence: int = 0  # grows with each report of one worker process
    at_ms: int = 0  # the worker's wall clock; for people, never for a decision

    container_id: str = ""
    address: str = ""  # the container's own, reachable from its node
    ports: tuple[PortBinding, ...] = ()
    health: Health = Health.NONE
    paused: bool = False  # RUNNING, but somebody froze it behind cube's back
    started_ms: int = 0
    timings: Timings | None = None

    exit: Exit | None = None  # of this run; once the next run has started, of the run before
    failure: Failure | None = None
    failures_in_row: int = 0
    retry_in_ms: int = 0  # EXITED: pause before the next run, counted from `at_ms`
    message: str = ""  # progress or probe output, one line

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """The order of observations of one allocation. An equal or smaller stamp brings nothing new."""
        return (self.restart, self.phase, self.epoch, self.sequence)


ASSIGNED = Observed()


class Wanted(StrEnum):
    """The manager's order for one allocation. REMOVE is never taken back."""

    RUN = "run"
    REMOVE = "remove"


class Allocation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One stay of one slot on one node."""

    id: AllocationId
    task_id: TaskId
    slot: int
    generation: int
    node_id: NodeId
    template_revision: int
    demand: Resources = (
        NOTHING  # what it reserves; its own, because the task's may have changed since
    )
    host_ports: tuple[tuple[int, Protocol], ...] = ()
    devices: tuple[Share, ...] = ()  # which, so that a restarted manager knows; none on old records
    pinned: bool = False  # its slot's volumes are on this node
    assigned_ms: int = 0
    revision: int = 0  # of the event that assigned it; its containers carry it as a label
    wanted: Wanted = Wanted.RUN
    why_removed: str = ""
    displaced_by: AllocationId | None = None  # for which it had to leave
    awaits: tuple[AllocationId, ...] = ()  # it has the room of these, and starts once they are gone
    relieves: AllocationId | None = None  # which runs on until this one is ready to take over
    lost: bool = False  # the manager gave up on the node; whatever it reports later changes nothing
    observed: Observed = ASSIGNED

    @property
    def ended(self) -> bool:
        """Whether the slot is free for a successor: ended by itself, or given up by the manager."""
        return self.lost or self.observed.phase.ended

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left on the node."""
        return self.observed.phase is Phase.REMOVED

    @property
    def live(self) -> bool:
        """Whether it fills its slot: wanted, and not ended."""
        return self.wanted is Wanted.RUN and not self.ended

    @property
    def keeps_its_place(self) -> bool:
        """Whether it was neither ordered away nor given up, and something of it is there: a relief stands by then."""
        return self.wanted is Wanted.RUN and not self.lost and not self.gone

    @property
    def leaving(self) -> bool:
        """Whether it is ordered away and not gone yet: its successor waits, so that there are never two."""
        return self.wanted is Wanted.REMOVE and not self.ended

    @property
    def reserves(self) -> bool:
        """Whether it holds resources and ports on its node.

        A stopping one does until it is gone; so does a lost one, whose container may still run over there.
        """
        if self.lost:
            return not self.gone
        return not self.observed.phase.ended

    @property
    def holding(
        self,
    ) -> tuple[NodeId, TaskId, Resources, tuple[tuple[int, Protocol], ...], tuple[Share, ...]]:
        """What it reserves, and where: as an inventory is told of it."""
        return self.node_id, self.task_id, self.demand, self.host_ports, self.devices

    @property
    def vacating(self) -> bool:
        """Whether it holds room that will be free without another order."""
        return self.reserves and not self.live

    @property
    def ready(self) -> bool:
        """Whether it does its work: running, not paused, and healthy where that is asked for."""
        seen = self.observed
        return (
            self.live
            and seen.phase is Phase.RUNNING
            and not seen.paused
            and seen.health in (Health.NONE, Health.HEALTHY)
        )
