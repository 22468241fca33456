"""Whom a slot that no node takes would displace: what `reconcile.displacing` would do, foretold on an excerpt."""

from __future__ import annotations

from collections.abc import Mapping

from cube.core.excerpt import Excerpt, SlotSeen
from cube.core.reconcile.displacing import may_displace
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.preempt import Displacement, Occupants, displace
from cube.core.scheduler.yielding import NO_PRIORITY, Yielding
from cube.model.ids import NodeId, slot_name


def foresee(
    excerpt: Excerpt, slot: SlotSeen, occupants: Mapping[NodeId, Occupants]
) -> Displacement | None:
    """Return the displacement that would make the slot fit; None where none would, or it may displace nobody.

    `occupants` are those of the excerpt that are still there.
    """
    if not occupants or not may_displace(slot.latest):
        return None
    return displace(
        excerpt.demand_for(slot),
        excerpt.task.spec.priority,
        excerpt.inventory,
        _yielding(excerpt.inventory, occupants),
        occupants.__getitem__,
        only=occupants.keys(),
    )


def _yielding(inventory: Inventory, occupants: Mapping[NodeId, Occupants]) -> Yielding:
    yielding = Yielding()
    for node_id, there in occupants.items():
        row = inventory.row(node_id)
        for tenant in there.tenants:
            yielding.add(row, tenant.priority, tenant.allocation.demand, 1)
        for leaving in there.leaving:
            yielding.add(row, NO_PRIORITY, leaving.demand, 1)
    return yielding


def victim_names(excerpt: Excerpt, found: Displacement) -> tuple[str, ...]:
    """Return what people call those that would have to go."""
    return tuple(slot_name(excerpt.task_names[one.task_id], one.slot) for one in found.victims)


def in_words(excerpt: Excerpt, found: Displacement) -> str:
    """Return `displaces low.1 and web.2`, or that it waits for what leaves the node anyway."""
    names = victim_names(excerpt, found)
    if not names:
        return "gets the room of what leaves there anyway"
    if len(names) > NAMED_AT_MOST:
        names = (*names[:NAMED_AT_MOST], f"{len(names) - NAMED_AT_MOST} more")
    return "displaces " + " and ".join(", ".join(names).rsplit(", ", 1))


NAMED_AT_MOST = 3
