"""Which container is meant where a command or a copy is to reach into one. Pure."""

from __future__ import annotations

import msgspec

from cube.core.cluster import Cluster
from cube.model.allocation import Allocation, Phase
from cube.model.ids import slot_name
from cube.model.task import Task

SLOTS_NAMED = 5


class Within(msgspec.Struct, frozen=True):
    """The allocation that is meant; `chosen` out of several that would have done."""

    allocation: Allocation
    name: str
    chosen: bool = False


class OutOfReach(msgspec.Struct, frozen=True):
    """Why there is none, in a sentence, and what helps."""

    message: str
    hint: str = ""


def reach(cluster: Cluster, task: Task, slot: int | None, *, any_slot: bool) -> Within | OutOfReach:
    """Return the allocation of this slot; without one of the only slot, or of the first that runs if any will do."""
    roster = cluster.rosters[task.id]
    running = {
        number: one.latest
        for number, one in sorted(roster.slots.items())
        if one.latest is not None and _runs(one.latest)
    }
    if slot is not None:
        return _within(task, slot, running.get(slot))
    if task.spec.replicas > 1 and not any_slot:
        numbers = list(running) or [*range(1, task.spec.replicas + 1)]
        named = ", ".join(slot_name(task.name, number) for number in numbers[:SLOTS_NAMED])
        more = ", …" if len(numbers) > SLOTS_NAMED else ""
        return OutOfReach(
            f"task {task.name} has {task.spec.replicas} slots, and it matters which",
            f"name one: {named}{more}",
        )
    if not running:
        return OutOfReach(
            f"nothing of task {task.name} runs just now",
            f"`cube status {task.name}` shows why",
        )
    first, allocation = next(iter(running.items()))
    return Within(allocation, slot_name(task.name, first), chosen=len(running) > 1)


def _within(task: Task, slot: int, allocation: Allocation | None) -> Within | OutOfReach:
    name = slot_name(task.name, slot)
    if allocation is None:
        return OutOfReach(
            f"{name} does not run just now", f"`cube status {task.name}` shows what does"
        )
    return Within(allocation, name)


def _runs(allocation: Allocation) -> bool:
    """Whether it has a container that runs; one that is being stopped or is not healthy may be looked into as well."""
    return not allocation.lost and allocation.observed.phase in (Phase.RUNNING, Phase.STOPPING)
