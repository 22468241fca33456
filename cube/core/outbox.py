"""The orders of one decision, per node. Queued for connected workers only: another gets everything when it connects."""

from __future__ import annotations

from collections.abc import Container

from cube.core.cluster import Cluster
from cube.core.nodes import order_for
from cube.model.allocation import Allocation
from cube.model.ids import AllocationId, NodeId
from cube.model.orders import Order


class Outbox:
    """Filled while a decision is made, emptied into its effects."""

    def __init__(self, cluster: Cluster, connected: Container[NodeId]) -> None:
        self._cluster = cluster
        self._connected = connected
        self._orders: dict[NodeId, list[Order]] = {}

    def take(self) -> dict[NodeId, list[Order]]:
        """Return what was queued since the last call."""
        orders, self._orders = self._orders, {}
        return orders

    def begin(self, node_id: NodeId, orders: list[Order]) -> None:
        """Queue all that a worker which has just connected is to be told, instead of what was queued before."""
        self._orders[node_id] = orders

    def order(self, node_id: NodeId, order: Order) -> None:
        """Queue one order."""
        if node_id in self._connected:
            self._orders.setdefault(node_id, []).append(order)

    def order_for(self, allocation_id: AllocationId) -> None:
        """Queue the order that the allocation needs now, if it needs one."""
        allocation = self._cluster.allocations[allocation_id]
        if order := order_for(self._cluster, allocation):
            self.order(allocation.node_id, order)

    def order_all(self, node_id: NodeId) -> None:
        """Queue the order of everything that is on the node."""
        for allocation_id in sorted(self._cluster.on_node(node_id)):
            self.order_for(allocation_id)

    def order_awaiting(self, ended: Allocation) -> None:
        """Order to run what waited for the room of this one and of no other."""
        for allocation_id in self._cluster.awaiting:
            one = self._cluster.allocations[allocation_id]
            # One of a former revision is about to be replaced: no spec but its own may reach it.
            task = self._cluster.tasks[one.task_id]
            if ended.id in one.awaits and one.template_revision == task.template_revision:
                self.order_for(allocation_id)
