"""Looking at the inventory as it will be."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager

from cube.core.scheduler.inventory import HostPort, Inventory
from cube.model.extras import Share
from cube.model.ids import NodeId, TaskId
from cube.model.resources import Resources


@contextmanager
def without(
    inventory: Inventory,
    node_id: NodeId,
    task_id: TaskId,
    demand: Resources,
    ports: Collection[HostPort],
    devices: Collection[Share],
) -> Generator[None]:
    """Make the inventory look, until the end of the block, as it will once what holds this is gone."""
    inventory.let_go(node_id, task_id, demand, ports, devices)
    try:
        yield
    finally:
        inventory.hold(node_id, task_id, demand, ports, devices)
