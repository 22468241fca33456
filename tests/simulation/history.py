"""One history from its number to its verdict."""

from __future__ import annotations

import traceback

import msgspec

from tests.simulation.convergence import (
    LEFTOVERS_GONE,
    differences,
    is_restless,
    leftovers,
    unfinished,
)
from tests.simulation.engine import LIMIT
from tests.simulation.faults import Plan
from tests.simulation.nemesis import Nemesis
from tests.simulation.witness import Broken
from tests.simulation.world import Parts, World

SETTLED_AFTER = 120.0  # longer than the brake holds, and than any pause between retries
CALM = LIMIT + 2.0  # what was on its way when the faults ended has arrived, or was given up
QUIET = 12.0  # longer than the time between two full comparisons
REMOVAL = LEFTOVERS_GONE + 3.0  # and the longest grace of a task here


class Outcome(msgspec.Struct):
    """How a history went. `rule` is empty when every promise was kept."""

    seed: int
    rule: str = ""
    sentence: str = ""
    at: float = 0.0
    steps: int = 0
    settled: float = 0.0  # so long after the last fault all was as it should be
    story: list[str] = []


def run(plan: Plan, parts: Parts | None = None, *, told: bool = False) -> Outcome:
    """Let the history happen and say whether all promises were kept."""
    world = World(plan, parts or Parts(), told=told)
    outcome = Outcome(plan.seed)
    try:
        _trouble(world)
        outcome.settled = _settle(world)
    except Broken as broken:
        outcome.rule, outcome.sentence = broken.rule, str(broken)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome.rule = "raised"
        outcome.sentence = f"{type(error).__name__}: {error} (at {last.name}, line {last.lineno})"
        if told:
            world.story.lines.append(traceback.format_exc())
    outcome.at, outcome.steps = world.schedule.now, world.schedule.steps
    outcome.story = world.story.lines
    return outcome


def _trouble(world: World) -> None:
    nemesis = Nemesis(world)
    for deed in world.plan.deeds:
        world.schedule.at(deed.at, nemesis.do, deed)
    for number, wish in enumerate(world.plan.wishes):
        world.schedule.at(wish.at, world.users[number % len(world.users)].wish, wish)
    world.schedule.run(world.plan.length)


def _settle(world: World) -> float:
    """Let all faults end; return how long it takes until all is well. What is well must then be quiet."""
    world.heal()
    began = world.schedule.now
    unwanted: dict[str, float] = {}
    while world.schedule.now < began + SETTLED_AFTER:
        world.schedule.run(world.schedule.now + 1.0)
        _check_leftovers(world, unwanted)
        if world.schedule.now - began >= CALM:
            world.end_recovery()
        if world.schedule.now - began >= CALM and not unfinished(world):
            _check_quiet(world)
            return world.schedule.now - began - QUIET
    raise Broken("I11", "; ".join(unfinished(world)))


def _check_leftovers(world: World, since: dict[str, float]) -> None:
    """What is not wanted is gone soon where the worker is connected."""
    now = world.schedule.now
    present = set()
    for host, container in leftovers(world):
        worker = host.worker
        connected = worker.session.open_since if worker is not None else None
        if connected is None or host.engine.troubled_until > now - REMOVAL:
            continue
        present.add(container.id)
        first = max(since.setdefault(container.id, now), connected)
        if now - first > REMOVAL:
            raise Broken(
                "I6",
                f"{container.id} of {container.label.allocation_id} on {host.name} is not "
                f"wanted, and still there after {now - first:.0f} s",
            )
    for gone in since.keys() - present:
        del since[gone]


def _check_quiet(world: World) -> None:
    manager = world.manager
    assert manager is not None
    world.witness.nothing_acknowledged_is_lost()
    before, restless, began = world.ledger.commits, is_restless(world), world.schedule.now
    world.schedule.run(began + QUIET)
    late = any(host.engine.troubled_until >= began for host in world.hosts)
    if restless or late or is_restless(world):
        return
    if world.ledger.commits != before:
        raise Broken("I12", f"{world.ledger.commits - before} commits in a quiet cluster")
    if wrong := differences(world, manager.core):
        raise Broken("I9", "; ".join(wrong))
