"""The planner of rolling updates: the next outdated replicas of one task that give way to the present revision."""

from __future__ import annotations

from cube.core.changes import Change, Unassign
from cube.core.cluster import Cluster
from cube.core.reconcile.needs import demand_for
from cube.core.roster import Roster, Slot, Standing
from cube.core.scheduler.place import place
from cube.core.scheduler.strategy import Strategy
from cube.core.scheduler.trial import without
from cube.model.allocation import Allocation
from cube.model.task import Task


def plan_update(cluster: Cluster, task: Task, *, strategy: Strategy) -> list[Change]:
    """Return the one next step of a rolling update.

    What does not work is replaced at once: nothing is lost by it. What works is replaced one at a time, as with a
    `maxUnavailable` of 1: only while every other replica works, so that a bad revision costs one replica and no more.

    A replica that merely waits for room is not under way, and no reason to wait for ever: what is replaced may leave
    the very room it lacks. While one waits, though, working replicas are replaced only where their successor fits into
    the room they leave themselves (were there room elsewhere, the waiting one would have it). So their number falls by
    one at a time and comes back, and a revision that fits nowhere stops at the first that finds no place.
    """
    roster = cluster.rosters[task.id]
    slots = [roster.slots[number] for number in sorted(roster.outdated)]
    broken = [slot for slot in slots if slot.standing is not Standing.READY]
    short = out_of_work(roster, task)
    if short is None and not broken:
        return []
    why = f"replaced by revision {task.template_revision}"
    changes: list[Change] = []
    for slot in broken or slots:
        former = slot.latest
        assert former is not None
        if broken or not short or _fits_in_its_own_place(cluster, task, slot, former, strategy):
            changes.append(Unassign(former.id, why))
        if changes and not broken:
            break
    return changes


def out_of_work(roster: Roster, task: Task) -> int | None:
    """Return how many replicas wait for room while all others work; None while one is on its way or fails."""
    # One that has completed works as well as it ever will.
    at_work = roster.count(Standing.READY) + roster.count(Standing.COMPLETED)
    short = task.wanted_slots - at_work
    if short > roster.count(Standing.VACANT):
        return None
    if short == 0:
        return 0
    vacant = [slot for slot in roster.slots.values() if slot.standing is Standing.VACANT]
    return short if all(slot.waiting and slot.clear for slot in vacant) else None


def _fits_in_its_own_place(
    cluster: Cluster, task: Task, slot: Slot, former: Allocation, strategy: Strategy
) -> bool:
    """Whether a successor has room on the same node once the former allocation is gone."""
    inventory, here = cluster.inventory, (former.node_id,)
    with without(inventory, *former.holding):
        return bool(place(demand_for(cluster, task, slot), 1, inventory, strategy, only=here).nodes)
