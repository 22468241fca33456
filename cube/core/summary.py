"""What people see of a task: one of five states, and a one-line reason. Derived, never stored."""

from __future__ import annotations

import msgspec

from cube.core.cluster import Cluster
from cube.core.roster import UNPLACED, Roster, Slot, Standing, settled
from cube.core.story import awaited_words, health_words, how_it_ended
from cube.core.words import plural, seconds
from cube.model.allocation import Allocation, Health, Phase, Wanted
from cube.model.ids import slot_name
from cube.model.task import Goal, Task, TaskState


class Summary(msgspec.Struct, frozen=True):
    """A task in one line."""

    state: TaskState
    reason: str
    ready: int
    restarts: int


def summarise(task: Task, cluster: Cluster, now_ms: int) -> Summary:
    """Return how the task stands. The state is that of the slot that most needs attention."""
    roster = cluster.rosters[task.id]
    restarts = sum([slot.latest.observed.restart for slot in roster.slots.values() if slot.latest])
    return Summary(
        state_of(task, roster),
        reason_of(task, cluster, now_ms),
        roster.count(Standing.READY),
        restarts,
    )


def state_of(task: Task, roster: Roster) -> TaskState:
    """Return the derived state, from the roster's counts alone."""
    if task.goal is Goal.STOP:
        return TaskState.COMPLETED if settled(task, roster) else TaskState.RUNNING
    if roster.count(Standing.FAILED):
        return TaskState.FAILED
    if roster.count(Standing.VACANT):
        return TaskState.PENDING
    if roster.count(Standing.ASSIGNED):
        return TaskState.SCHEDULED
    if roster.count(Standing.READY) or roster.count(Standing.UNREADY):
        return TaskState.RUNNING
    return TaskState.COMPLETED


def describe(allocation: Allocation, cluster: Cluster, now_ms: int) -> str:
    """Return the one line for an allocation: what it does, or why it does not."""
    seen = allocation.observed
    if allocation.gone:
        return allocation.why_removed or how_it_ended(seen)
    if allocation.lost:
        return allocation.why_removed
    if allocation.wanted is Wanted.REMOVE:
        return _with_trouble(f"stopping: {allocation.why_removed}", allocation)
    match seen.phase:
        case Phase.ASSIGNED:
            return awaited_words(allocation, cluster) or "waiting for its worker"
        case Phase.PULLING | Phase.CREATING | Phase.STARTING:
            return seen.message or seen.phase.name.lower()
        case Phase.RUNNING:
            if seen.paused:
                return seen.message
            if seen.health in (Health.NONE, Health.HEALTHY):
                return ""
            return health_words(seen)
        case Phase.STOPPING:
            return f"stopping: {seen.message}"
        case Phase.EXITED:
            left = max(0, seen.at_ms + seen.retry_in_ms - now_ms)
            return f"restart {seen.restart + 1} in {seconds(left)}, {how_it_ended(seen)}"
        case _:
            return how_it_ended(seen)


def _with_trouble(words: str, allocation: Allocation) -> str:
    trouble = allocation.observed.message  # often the very reason why it is removed
    return f"{words}; {trouble}" if trouble and trouble not in words else words


def reason_of(task: Task, cluster: Cluster, now_ms: int) -> str:
    """Return the one line for a task: what is the matter with the slot that most needs attention."""
    roster = cluster.rosters[task.id]
    if task.goal is Goal.STOP:
        left = roster.present
        return (
            f"stopping, {plural(left, 'container')} left{_hindrance(task, roster)}"
            if left
            else "stopped"
        )
    worst = min(
        (slot for slot in roster.slots.values() if slot.standing is not Standing.UNWANTED),
        key=lambda slot: (slot.standing, slot.number),
        default=None,
    )
    if worst is None:
        return "scaled to 0"
    words = slot_reason(worst, cluster, now_ms)
    if not words or task.spec.replicas == 1:
        return words
    return f"{slot_name(task.name, worst.number)}: {words}"


def _hindrance(task: Task, roster: Roster) -> str:
    """Return what keeps the first container that cannot be removed."""
    for number, slot in sorted(roster.slots.items()):
        seen = slot.latest.observed if slot.latest else None
        if seen and seen.phase is Phase.STOPPING and seen.failure:
            return f"; {slot_name(task.name, number)}: {seen.message}"
    return ""


def slot_reason(slot: Slot, cluster: Cluster, now_ms: int) -> str:
    """Return the one line for a slot: why it waits, or what its allocation does. Empty where all is well."""
    if slot.standing is Standing.VACANT:
        if slot.waiting:
            return waiting_words(slot)
        if slot.latest and slot.latest.leaving:
            return describe(slot.latest, cluster, now_ms)
        return UNPLACED
    return describe(slot.latest, cluster, now_ms) if slot.latest else ""


def waiting_words(slot: Slot) -> str:
    """Return why the slot has no place, and first for whom it had to leave the one it had; empty: it does not wait."""
    return displaced_words(slot.latest) + slot.waiting if slot.waiting else ""


def displaced_words(latest: Allocation | None) -> str:
    """Return for whom the slot had to leave the place it had, to go before why it has none; mostly empty."""
    return f"{latest.why_removed}; " if latest and latest.displaced_by else ""
