"""The manager's planner of one task: which of its slots need what. Looks at the slots it is given, not at all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cube.core.changes import Assign, Avoid, Change, Unassign, Wait
from cube.core.cluster import Cluster
from cube.core.reconcile.needs import demand_for, fits, home_of
from cube.core.reconcile.relief import settle_relief
from cube.core.roster import Avoided, Slot, Standing
from cube.core.scheduler.place import Demand, Unplaceable, place
from cube.core.scheduler.refusals import no_victim
from cube.core.scheduler.strategy import Strategy
from cube.model.allocation import Allocation, Phase, Wanted
from cube.model.extras import Share
from cube.model.ids import AllocationId, NodeId, allocation_id
from cube.model.task import Goal, Task
from cube.model.timing import Instant, Timing


class SlotsPlan(msgspec.Struct, kw_only=True):
    """What to change, which slots found no place and why, and when a refusal runs out by itself."""

    changes: list[Change] = []
    unplaced: list[int] = []
    later: list[int] = []  # to be looked at again when the changes are applied
    refusal: Unplaceable | None = None
    look_again_at: float | None = None


def plan_slots(
    cluster: Cluster,
    task: Task,
    numbers: Iterable[int],
    *,
    strategy: Strategy,
    timing: Timing,
    now: Instant,
    only: frozenset[NodeId] | None = None,
) -> SlotsPlan:
    """Return what these slots need: containers ordered away, a place for those without one.

    Applying the plan and planning again asks for nothing more, as long as nothing else happens. `only` looks for
    places on those nodes alone: for slots that were refused by all others before.
    """
    plan = SlotsPlan()
    vacant: list[Slot] = []
    for number in sorted(numbers):
        slot = cluster.rosters[task.id].slots[number]
        plan.changes += _clear(slot, task, timing, now)
        plan.changes += settle_relief(cluster, task, slot, timing, now)
        if slot.standing is Standing.VACANT and slot.clear:
            vacant.append(slot)
    if vacant:
        _place(plan, cluster, task, vacant, strategy=strategy, now=now, only=only)
    return plan


def _clear(slot: Slot, task: Task, timing: Timing, now: Instant) -> list[Change]:
    """Order away what should no longer be there."""
    latest = slot.latest
    if latest is None or latest.wanted is Wanted.REMOVE or latest.lost or latest.gone:
        return []
    if slot.standing is Standing.UNWANTED:
        why = "stopped by the user" if task.goal is Goal.STOP else "scaled down"
        return [Unassign(latest.id, why)]
    vacant = slot.standing is Standing.VACANT
    if vacant and latest.template_revision < task.template_revision:
        return [Unassign(latest.id, f"replaced by revision {task.template_revision}")]
    failure = latest.observed.failure
    if vacant and failure and failure.kind.local:
        until = now.monotonic + timing.avoid_node
        return [
            Avoid(task.id, slot.number, latest.node_id, until, failure.message),
            Unassign(latest.id, failure.message),
        ]
    return []


def _place(
    plan: SlotsPlan,
    cluster: Cluster,
    task: Task,
    vacant: list[Slot],
    *,
    strategy: Strategy,
    now: Instant,
    only: frozenset[NodeId] | None,
) -> None:
    """Place identical slots in one go; a slot that avoids nodes of its own, or has a home, is placed by itself."""
    about_to_avoid = {one.slot: one for one in plan.changes if isinstance(one, Avoid)}
    alike: list[Slot] = []
    groups: list[tuple[list[Slot], dict[NodeId, tuple[float, str]]]] = []
    for slot in vacant:
        avoided = slot.avoided(now.monotonic)
        if change := about_to_avoid.get(slot.number):
            avoided[change.node_id] = (change.until, change.why)
        if avoided or home_of(cluster, task, slot):
            groups.append(([slot], avoided))
        else:
            alike.append(slot)
    if alike:
        groups.insert(0, (alike, {}))
    taken: set[NodeId] = set()
    for group, avoided in groups:
        avoid = {node: why for node, (_, why) in avoided.items()}
        demand = demand_for(cluster, task, group[0], avoid)
        placement = place(demand, len(group), cluster.inventory, strategy, only=only)
        if not taken.isdisjoint(
            placement.nodes
        ):  # what they have left is only known once that is applied
            plan.later += [slot.number for slot in group]
            continue
        taken.update(placement.nodes)
        devices = placement.devices or ((),) * len(placement.nodes)
        least = cluster.lineage.generation
        for slot, node_id, shares in zip(group, placement.nodes, devices, strict=False):
            stay = next_stay(slot, task, demand, node_id, least=least, now=now, devices=shares)
            plan.changes.append(Assign(stay, placement.why))
        if len(placement.nodes) < len(group):
            plan.unplaced += [slot.number for slot in group[len(placement.nodes) :]]
            plan.refusal = placement.refusal
            plan.look_again_at = _sooner(plan.look_again_at, avoided)


def _sooner(due: float | None, avoided: Avoided) -> float | None:
    """Return when the first refusal runs out: the one known so far, or one of these."""
    dues = [until for until, _ in avoided.values()]
    return min(dues if due is None else [due, *dues], default=None)


def next_stay(
    slot: Slot,
    task: Task,
    demand: Demand,
    node_id: NodeId,
    *,
    least: int,
    now: Instant,
    devices: tuple[Share, ...] = (),
    awaits: tuple[AllocationId, ...] = (),
    relieves: AllocationId | None = None,
) -> Allocation:
    """Return the next allocation of the slot, on that node, of a generation above `least` and all before it."""
    generation = max(slot.generation, least) + 1
    return Allocation(
        id=allocation_id(task.id, slot.number, generation),
        task_id=task.id,
        slot=slot.number,
        generation=generation,
        node_id=node_id,
        template_revision=task.template_revision,
        demand=demand.resources,
        host_ports=demand.host_ports,
        devices=devices,
        pinned=demand.home is not None,
        assigned_ms=now.wall_ms,
        awaits=awaits,
        relieves=relieves,
    )


def refused(
    task: Task, unplaced: list[int], refusal: Unplaceable, *, victims_sought: bool = False
) -> Wait:
    """Return the change that says why these slots wait; `victims_sought`: and that there is nobody to displace."""
    why, codes = refusal.sentence(), refusal.codes()
    if victims_sought and (words := no_victim(refusal)):
        why, codes = f"{why}; {words}", (*codes, NO_VICTIM)
    return Wait(task.id, tuple(unplaced), why, codes)


NO_VICTIM = "no_victim"
"""The code of those that may displace others and find nobody."""


def plan_flight(
    cluster: Cluster,
    task: Task,
    slot: Slot,
    *,
    strategy: Strategy,
    timing: Timing,
    now: Instant,
) -> list[Change]:
    """Return the order to leave a node where the slot fails again and again, if another node would take it."""
    latest = slot.latest
    if latest is None or not latest.live or latest.observed.phase is not Phase.EXITED:
        return []
    if latest.observed.failures_in_row < timing.move_after_failures:
        return []
    node = cluster.nodes[latest.node_id]
    why = f"failed {latest.observed.failures_in_row} times in a row on {node.name}"
    avoid = {node_id: reason for node_id, (_, reason) in slot.avoided(now.monotonic).items()}
    avoid[latest.node_id] = why
    if not fits(cluster, task, slot, avoid, strategy):
        return []
    until = now.monotonic + timing.avoid_failing
    return [Avoid(task.id, slot.number, latest.node_id, until, why), Unassign(latest.id, why)]
