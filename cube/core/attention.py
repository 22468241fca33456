"""What is wrong in a cluster at present, the worst first: what a person who looks in should read before anything else.

Derived, never stored. What is merely under way (a pull, a start, a rolling update) is no concern; what keeps it from
getting there is. One task and one node raise one concern each, their worst, so a list of them stays short.
"""

from __future__ import annotations

from collections.abc import Iterable

from cube.core.cluster import Cluster
from cube.core.roster import Roster, Slot, Standing
from cube.core.summary import reason_of, slot_reason
from cube.core.words import plural
from cube.model.allocation import Health, Phase
from cube.model.concern import Concern, Severity, Subject
from cube.model.ids import slot_name
from cube.model.node import Availability, Condition, Node
from cube.model.task import Goal, Task

CRASHES_SHOWN = 2  # one crash is mended by its restart before anybody could read of it
CRASHES_GRAVE = 5  # by then the pause between two restarts is seconds, and growing


def worst_first(concerns: Iterable[Concern]) -> list[Concern]:
    """Return them in the order in which to read them. The same concerns give the same order."""
    return sorted(concerns, key=_weight)


def about_task(task: Task, cluster: Cluster, now_ms: int) -> Concern | None:
    """Return the worst of the task; None when it is as its user wants it, or on the way there.

    A task without trouble costs a look at its counts, whatever the number of its replicas.
    """
    roster = cluster.rosters[task.id]
    if task.goal is Goal.STOP:
        return _stuck(task, roster, cluster, now_ms) if roster.present else None
    troubled = sum(
        map(roster.count, (Standing.FAILED, Standing.VACANT, Standing.UNREADY, Standing.ASSIGNED))
    )
    if not troubled:
        return None
    found = [
        (_SEVERITIES.index(severity), slot.standing, slot.number, code)
        for slot in roster.slots.values()
        if (verdict := _verdict(slot, roster)) is not None
        for severity, code in [verdict]
    ]
    if not found:
        return None
    rank, _, number, code = min(found)
    slot, many = roster.slots[number], sum(1 for one in found if one[3] == code)
    reason = slot_reason(slot, cluster, now_ms)
    return Concern(
        severity=_SEVERITIES[rank],
        code=code,
        subject=Subject.TASK,
        id=task.id,
        name=task.name,
        reason=reason if task.spec.replicas == 1 else f"{slot_name(task.name, number)}: {reason}",
        slot=number,
        slots=many,
    )


def about_node(node: Node, cluster: Cluster) -> Concern | None:
    """Return the worst of the node; None when it takes work."""
    left = len(cluster.on_node(node.id))
    held = f"; {plural(left, 'container')} there" if left else ""
    for wrong, severity, code, reason in (
        (node.quarantine, Severity.ERROR, "quarantined", node.quarantine),
        (node.condition is Condition.LOST, Severity.ERROR, "lost", "not heard of; given up"),
        (node.runtime_error, Severity.ERROR, "engine_away", node.runtime_error),
        (
            node.condition is Condition.SUSPECT,
            Severity.WARNING,
            "suspect",
            "late; gets no new work",
        ),
        (
            node.availability is Availability.DRAINING,
            Severity.NOTICE,
            "draining",
            f"{plural(left, 'container')} left" if left else "empty",
        ),
        (
            node.availability is Availability.CORDONED,
            Severity.NOTICE,
            "cordoned",
            f"gets no new work{held}",
        ),
    ):
        if wrong:
            return Concern(
                severity=severity,
                code=code,
                subject=Subject.NODE,
                id=node.id,
                name=node.name,
                reason=reason,
            )
    return None


def about_manager(*, recovering: str | None, trouble: str) -> list[Concern]:
    """Return what keeps the manager from taking changes, if anything does."""
    found = [("ledger", trouble)] if trouble else []
    if recovering is not None:
        found.append(("recovering", f"the ledger is being recovered: {recovering}"))
    return [
        Concern(severity=Severity.ERROR, code=code, subject=Subject.MANAGER, reason=reason)
        for code, reason in found
    ]


_SEVERITIES = list(Severity)
_SUBJECTS = list(Subject)


def _weight(concern: Concern) -> tuple[int, int, int, str, str]:
    return (
        _SEVERITIES.index(concern.severity),
        _SUBJECTS.index(concern.subject),
        -concern.slots,
        concern.name,
        concern.id,
    )


def _stuck(task: Task, roster: Roster, cluster: Cluster, now_ms: int) -> Concern | None:
    """Return that containers of a stopped task cannot be removed."""
    numbers = [
        number
        for number, slot in roster.slots.items()
        if slot.latest
        and slot.latest.observed.phase is Phase.STOPPING
        and slot.latest.observed.failure
    ]
    if not numbers:
        return None
    return Concern(
        severity=Severity.ERROR,
        code="stuck",
        subject=Subject.TASK,
        id=task.id,
        name=task.name,
        reason=reason_of(task, cluster, now_ms),
        slot=min(numbers),
        slots=len(numbers),
    )


def _verdict(slot: Slot, roster: Roster) -> tuple[Severity, str] | None:
    """Return how bad a slot is, and why, as a code; None when nothing hinders it."""
    match slot.standing:
        case Standing.FAILED:
            return Severity.ERROR, "failed"
        case Standing.VACANT if slot.waiting:
            return (Severity.WARNING if roster.running else Severity.ERROR), "unplaceable"
        case Standing.UNREADY:
            return _unready(slot)
        case Standing.ASSIGNED:
            return _not_running(slot)
        case _:
            return None


def _unready(slot: Slot) -> tuple[Severity, str] | None:
    seen = slot.latest.observed if slot.latest else None
    if seen and seen.paused:
        return Severity.WARNING, "paused"
    return (Severity.WARNING, "unhealthy") if seen and seen.health is Health.UNHEALTHY else None


def _not_running(slot: Slot) -> tuple[Severity, str] | None:
    seen = slot.latest.observed if slot.latest else None
    if seen is None:
        return None
    crashes = seen.failures_in_row
    if crashes >= CRASHES_GRAVE:
        return Severity.ERROR, "crash_loop"
    if seen.failure is not None:
        return Severity.WARNING, seen.failure.kind.value
    return (Severity.WARNING, "restarting") if crashes >= CRASHES_SHOWN else None
