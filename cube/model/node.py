"""A node: a machine that runs containers, as the manager knows it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.ids import NodeId
from cube.model.policy import Policy
from cube.model.resources import NOTHING, Resources


class Condition(StrEnum):
    """The manager's judgement of a node by the age of its lease."""

    READY = "ready"
    SUSPECT = "suspect"  # late: nothing new goes there, nothing is taken away
    LOST = "lost"  # given up: its slots are placed elsewhere


class Availability(StrEnum):
    """What an administrator allows the node to be used for."""

    ACTIVE = "active"
    CORDONED = "cordoned"  # keeps what it has, gets nothing new
    DRAINING = "draining"  # what it has moves away


class Drain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a node is being emptied. Times by the manager's wall clock: they outlive the process."""

    began_ms: int
    deadline_ms: int | None = None  # what is left then is stopped; None: it is waited for
    ended_ms: int | None = None  # since when nothing is left

    @property
    def patience(self) -> float | None:
        """How many seconds what cannot move may stay; None: for ever."""
        return None if self.deadline_ms is None else (self.deadline_ms - self.began_ms) / 1000


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker says of its machine when it connects."""

    name: str
    address: str = ""
    platform: str = "linux/amd64"
    capacity: Resources = NOTHING
    extras: dict[str, int] = {}  # whole devices by kind: {"gpu": 8}
    labels: dict[str, str] = {}
    engine_version: str = ""
    cube_version: str = ""
    runtime: str = "docker"
    policy: Policy = Policy()  # what it lets tasks have beyond the ordinary


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the machine uses now, by its own measure. Kept in memory only."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    load_1m: float = 0.0


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine and the manager's verdict on it."""

    id: NodeId
    facts: Facts
    epoch: int = 0  # grows with every session; what an older session sends is refused
    condition: Condition = Condition.READY
    availability: Availability = Availability.ACTIVE
    drain: Drain | None = None  # while it is draining
    runtime_error: str = ""  # not empty: the engine does not answer, and why
    quarantine: str = ""  # not empty: its workers are refused, and why
    joined_ms: int = 0
    changed_ms: int = 0

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def ready(self) -> bool:
        """Whether it is heard and its engine answers."""
        return self.condition is Condition.READY and not self.runtime_error
