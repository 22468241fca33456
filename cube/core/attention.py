"""What is wrong in a cluster at present, the worst first: what a person who looks in should read before anything else.

Derived, never stored. What is merely under way (a pull, a start, a rolling update) is no concern; what keeps it from
getting there is. One task and one node raise one concern each, their worst, so a list of them stays short.
"""

from __future__ import annotations

from collections.abc import Iterable

from cube.core.cluster import Cluster
from cube.core.roster import Roster, Slot, Standing
from cube.core.scheduler.shortage import human_bytes
from cube.core.story import how_it_ended
from cube.core.summary import reason_of, slot_reason
from cube.core.words import plural
from cube.model.allocation import Health, Observed, Phase
from cube.model.concern import Concern, Severity, Subject
from cube.model.ids import slot_name
from cube.model.node import Availability, Condition, Node, Usage
from cube.model.task import Goal, Task
from cube.model.timing import DEFAULT_TIMING

CRASHES_SHOWN = 2  # one crash is mended by its restart before anybody could read of it
CRASHES_GRAVE = 5  # by then the pause between two restarts is seconds, and growing
CRASHES_REMEMBERED = 3  # it runs just now, and is likely to crash again
DISK_FULL = 0.9  # images and logs have little room left
UNSTABLE = "unstable"


def worst_first(concerns: Iterable[Concern]) -> list[Concern]:
    """Return them in the order in which to read them. The same concerns give the same order."""
    return sorted(concerns, key=_weight)


def about_task(task: Task, cluster: Cluster, now_ms: int) -> Concern | None:
    """Return the worst of the task; None when it is as its user wants it, or on the way there.

    Where all runs and never crashed it costs some 50 ns a replica.
    """
    roster = cluster.rosters[task.id]
    if task.goal is Goal.STOP:
        return _stuck(task, roster, cluster, now_ms) if roster.present else None
    if not any(map(roster.count, _TROUBLED)) and not _crashed(roster):
        return None
    found = [
        (_SEVERITIES.index(severity), slot.standing, slot.number, code)
        for slot in roster.slots.values()
        if (verdict := _verdict(slot, roster, now_ms)) is not None
        for severity, code in [verdict]
    ]
    if not found:
        return None
    rank, _, number, code = min(found)
    slot, many = roster.slots[number], sum(1 for one in found if one[3] == code)
    reason = _crashes(slot) if code == UNSTABLE else slot_reason(slot, cluster, now_ms)
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


def about_node(
    node: Node, cluster: Cluster, *, usage: Usage | None, version: str
) -> Concern | None:
    """Return the worst of the node; None when it takes work. `version` is the manager's own."""
    left = len(cluster.on_node(node.id))
    held = f"; {plural(left, 'container')} there" if left else ""
    whole = node.facts.capacity.disk_bytes
    used = usage.disk_bytes if usage else 0
    theirs = node.facts.cube_version
    for wrong, severity, code, reason in (
        (node.quarantine, Severity.ERROR, "quarantined", node.quarantine),
        (node.condition is Condition.LOST, Severity.ERROR, "lost", "not heard of; given up"),
        (node.runtime_error, Severity.ERROR, "engine_away", f"{node.runtime_error}{held}"),
        (
            node.condition is Condition.SUSPECT,
            Severity.WARNING,
            "suspect",
            "late; gets no new work",
        ),
        (
            used > DISK_FULL * whole > 0,
            Severity.WARNING,
            "disk_full",
            f"{human_bytes(max(0, whole - used), up=False)} left for images and containers",
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
        (
            theirs not in ("", version),
            Severity.NOTICE,
            "other_version",
            f"runs cube {theirs}, the manager {version}",
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
_TROUBLED = (Standing.FAILED, Standing.VACANT, Standing.UNREADY, Standing.ASSIGNED)


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


def _verdict(slot: Slot, roster: Roster, now_ms: int) -> tuple[Severity, str] | None:
    """Return how bad a slot is, and why, as a code; None when nothing hinders it."""
    match slot.standing:
        case Standing.FAILED:
            return Severity.ERROR, "failed"
        case Standing.VACANT if slot.waiting:
            return (Severity.WARNING if roster.running else Severity.ERROR), "unplaceable"
        case Standing.UNREADY:
            return _unready(slot) or _unstable(slot, now_ms)
        case Standing.READY:
            return _unstable(slot, now_ms)
        case Standing.ASSIGNED if slot.latest is not None:
            return _not_running(slot.latest.observed)
        case _:
            return None


def _unready(slot: Slot) -> tuple[Severity, str] | None:
    seen = slot.latest.observed if slot.latest else None
    if seen and seen.paused:
        return Severity.WARNING, "paused"
    return (Severity.WARNING, "unhealthy") if seen and seen.health is Health.UNHEALTHY else None


def _crashed(roster: Roster) -> bool:
    return any(
        slot.latest is not None and slot.latest.observed.failures_in_row >= CRASHES_REMEMBERED
        for slot in roster.slots.values()
    )


def _unstable(slot: Slot, now_ms: int) -> tuple[Severity, str] | None:
    """A run is no proof of health until it has lasted. Compares two clocks, and decides nothing but a line to read."""
    seen = slot.latest.observed if slot.latest else None
    if seen is None or seen.failures_in_row < CRASHES_REMEMBERED:
        return None
    lasted = now_ms - seen.started_ms >= DEFAULT_TIMING.restart_stable * 1000
    return None if lasted else (Severity.WARNING, UNSTABLE)


def _crashes(slot: Slot) -> str:
    seen = slot.latest.observed if slot.latest else Observed()
    ended = how_it_ended(seen)
    return f"runs after {plural(seen.restart, 'restart')}" + (
        f", the last for {ended}" * bool(ended)
    )


def _not_running(seen: Observed) -> tuple[Severity, str] | None:
    crashes = seen.failures_in_row
    if crashes >= CRASHES_GRAVE:
        return Severity.ERROR, "crash_loop"
    if seen.failure is not None:
        return Severity.WARNING, seen.failure.kind.value
    return (Severity.WARNING, "restarting") if crashes >= CRASHES_SHOWN else None
