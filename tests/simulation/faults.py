"""The faults there are. Each history knows a few of them only (swarm testing): one that knows all is always in the
same turmoil, and never sees what two of them do together in an otherwise quiet cluster.

Kinds of the air work all the time while a history lasts, each with a rate. The others are deeds: they happen at
moments of their own, to somebody.
"""

from __future__ import annotations

from enum import StrEnum
from random import Random

import msgspec


class Fault(StrEnum):
    """One way in which the world is worse than hoped for."""

    # of the air: the network
    SLOW = "messages take long"
    BREAKS = "connections break"
    HALF_OPEN = "broken connections stay open on one side"
    USER_ANSWERS = "answers to users get lost"
    # of the air: the engines
    ENGINE_ERRORS = "engine calls fail"
    ENGINE_ANSWERS = "engine answers get lost"
    ENGINE_LATE = "the engine does what it was given up for, later"
    ENGINE_SLOW = "engine calls take long"
    ENGINE_EVENTS = "engine events get lost"
    # of the air: clocks
    DRIFT = "clocks drift"

    # deeds: the network
    CUT = "a host is cut off"
    CUT_UP = "a host is not heard"
    CUT_DOWN = "a host does not hear"
    # deeds: containers
    EXIT = "a container ends"
    OOM = "a container runs out of memory"
    STUBBORN = "containers ignore SIGTERM"
    UNKILLABLE = "a container cannot be killed for a while"
    OUTSIDE = "somebody removes, stops, pauses, restarts a container"
    PORT = "a stranger takes a host port"
    # deeds: engines and hosts
    ENGINE_RESTART = "an engine restarts"
    ENGINE_HANG = "an engine hangs"
    WORKER_KILL = "a worker is killed"
    WORKER_PAUSE = "a worker is paused"
    HOST_KILL = "a host dies"
    CLONE = "a worker is cloned"
    WIPE = "a worker forgets who it is"
    WALL = "a wall clock is set"
    # deeds: the manager
    MANAGER_KILL = "the manager is killed"
    MANAGER_PAUSE = "the manager is paused"
    COMMIT_CRASH = "the manager dies at a commit"
    FULL = "the manager's disk is full"
    PUT_BACK = "the ledger is put back to a backup"
    # deeds: people
    ADMIN = "nodes are cordoned, drained, removed"
    DRAIN = "a node is drained, and opened again"


AIR = (
    Fault.SLOW,
    Fault.BREAKS,
    Fault.HALF_OPEN,
    Fault.USER_ANSWERS,
    Fault.ENGINE_ERRORS,
    Fault.ENGINE_ANSWERS,
    Fault.ENGINE_LATE,
    Fault.ENGINE_SLOW,
    Fault.ENGINE_EVENTS,
    Fault.DRIFT,
)
DEEDS = tuple(fault for fault in Fault if fault not in AIR)

_WORST = {
    Fault.SLOW: 0.2,
    Fault.BREAKS: 0.02,
    Fault.HALF_OPEN: 1.0,
    Fault.USER_ANSWERS: 0.4,
    Fault.ENGINE_ERRORS: 0.3,
    Fault.ENGINE_ANSWERS: 0.3,
    Fault.ENGINE_LATE: 0.2,
    Fault.ENGINE_SLOW: 0.3,
    Fault.ENGINE_EVENTS: 1.0,
    Fault.DRIFT: 1e-3,  # ten times what a bad quartz does
}


class Deed(msgspec.Struct, frozen=True):
    """A fault at a moment. `draws` say to whom, and how; the same deed finds another victim in another world."""

    at: float
    fault: Fault
    draws: tuple[float, ...]


class Wish(msgspec.Struct, frozen=True):
    """A user wants something at a moment. `draws` say what."""

    at: float
    draws: tuple[float, ...]


class Plan(msgspec.Struct, frozen=True):
    """One history before it happens: all that was drawn for it. What is left out changes nothing else in it."""

    seed: int
    hosts: int
    length: float  # seconds; then all faults end
    air: dict[Fault, float]
    deeds: tuple[Deed, ...]
    wishes: tuple[Wish, ...]

    @property
    def kinds(self) -> set[Fault]:
        """The faults that occur in it."""
        return set(self.air) | {deed.fault for deed in self.deeds}


def draw_plan(seed: int) -> Plan:
    """Return the history of this number."""
    random = Random(seed)
    length = random.uniform(10.0, 40.0)
    known = random.sample(tuple(Fault), random.choice((0, 1, 2, 3, 3, 4, 5, 6, 8, 12)))
    deeds = [fault for fault in known if fault not in AIR]
    # Most of what goes wrong goes wrong while something else is on its way.
    count = random.randint(2, 25) if deeds else 0
    return Plan(
        seed=seed,
        hosts=random.choice((1, 2, 3, 3, 4, 5)),
        length=length,
        air={
            fault: _WORST[fault] * random.choice((0.1, 0.3, 1.0)) for fault in known if fault in AIR
        },
        deeds=tuple(
            Deed(random.uniform(1.0, length), random.choice(deeds), _draws(random, 4))
            for _ in range(count)
        ),
        wishes=tuple(
            Wish(random.uniform(0.0, length), _draws(random, 12))
            for _ in range(random.randint(3, 20))
        ),
    )


def _draws(random: Random, count: int) -> tuple[float, ...]:
    return tuple(random.random() for _ in range(count))


class Air:
    """How likely the faults of the air are now, and the one source of chance of a running history."""

    def __init__(self, plan: Plan) -> None:
        self.random = Random(f"{plan.seed}: what happens")
        self._rates = dict(plan.air)

    def strikes(self, fault: Fault) -> bool:
        """Whether it happens this time."""
        rate = self._rates.get(fault)
        return rate is not None and self.random.random() < rate

    def rate(self, fault: Fault) -> float:
        """How likely it is."""
        return self._rates.get(fault, 0.0)

    def clear(self) -> None:
        """From now on all goes well."""
        self._rates.clear()
