"""What a drain may not do: have fewer replicas ready than the task was promised."""

from __future__ import annotations

from collections.abc import Iterator

from cube.core.cluster import Cluster
from cube.core.effects import Writes
from cube.core.reconcile.relief import may_be_relieved
from cube.core.roster import Standing
from cube.model.allocation import Allocation, Health, Phase
from cube.model.event import EventKind

_DRAINED = "its node is draining"


def lowered(writes: Writes, cluster: Cluster) -> Iterator[str]:
    """Yield the replicas that worked and that a drain takes away although another is to be ready first.

    Writes that hold no node stop no drain, and stops that are due to a deadline have a reason of their own.
    """
    ordered = {
        (event.task_id, event.slot, event.generation)
        for event in writes.events
        if event.kind is EventKind.ALLOCATION_STOPPING and event.message.startswith(_DRAINED)
    }
    for one in writes.allocations.values() if ordered else ():
        if one is None or not _worked(one):
            continue
        if (one.task_id, one.slot, one.generation) not in ordered:
            continue
        task = cluster.tasks[one.task_id]
        roster = cluster.rosters[one.task_id]
        latest = roster.slots[one.slot].latest
        relieved = latest is not None and latest.relieves == one.id
        if relieved and latest and not (latest.ready or latest.observed.phase is Phase.COMPLETED):
            yield f"{one.id} is stopped for {latest.id}, which is not ready"
        if relieved or one.observed.phase is not Phase.RUNNING:
            continue
        if may_be_relieved(task.spec):
            yield f"{one.id} is stopped by a drain, and nothing has taken over"
        at_work = roster.count(Standing.READY) + roster.count(Standing.COMPLETED)
        if at_work < task.wanted_slots - 1:
            yield f"{one.id} is stopped by a drain, and {task.name} has {at_work} ready beside it"


def _worked(one: Allocation) -> bool:
    seen = one.observed
    well = seen.health in (Health.NONE, Health.HEALTHY) and not seen.paused
    return seen.phase is Phase.RUNNING and well and not one.lost
