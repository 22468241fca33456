"""What one slot asks of a node beyond what its task asks for: nodes it avoids, and where its volumes are."""

from __future__ import annotations

from collections.abc import Mapping

from cube.core.cluster import Cluster
from cube.core.roster import Slot
from cube.core.scheduler.demand import Demand, Home, demand_of
from cube.core.scheduler.place import place
from cube.core.scheduler.strategy import Strategy
from cube.model.ids import NodeId
from cube.model.task import Task


def demand_for(
    cluster: Cluster, task: Task, slot: Slot, avoid: Mapping[NodeId, str] | None = None
) -> Demand:
    """Return what the slot's next allocation asks for."""
    return demand_of(task, avoid, cluster.named, home_of(cluster, task, slot))


def fits(
    cluster: Cluster, task: Task, slot: Slot, avoid: Mapping[NodeId, str], strategy: Strategy
) -> bool:
    """Whether a node but those to `avoid` has room for the slot's next allocation now."""
    demand = demand_for(cluster, task, slot, avoid)
    return bool(place(demand, 1, cluster.inventory, strategy).nodes)


def home_of(cluster: Cluster, task: Task, slot: Slot) -> Home | None:
    """Return the node that has the volumes of the slot; None where there are none yet, or none to come back to.

    A named volume is made by the first run that mounts it, on that machine alone. A slot that has run with one comes
    back there, however long that takes: elsewhere it would find it empty. A node that is not known any more was removed
    by an administrator, and its volumes are given up with it.
    """
    latest = slot.latest
    if latest is None or not (volumes := task.spec.pinning):
        return None
    if not latest.pinned and not latest.observed.started_ms:
        return None
    node = cluster.nodes.get(latest.node_id)
    return Home(node.id, node.name, volumes) if node else None
