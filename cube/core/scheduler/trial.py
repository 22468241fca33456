"""Looking at the inventory as it will be."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from cube.core.scheduler.inventory import Inventory
from cube.model.allocation import Allocation


@contextmanager
def without(inventory: Inventory, one: Allocation) -> Generator[None]:
    """Make the inventory look, until the end of the block, as it will once this allocation is gone."""
    held = (one.node_id, one.task_id, one.demand, one.host_ports, one.devices)
    inventory.let_go(*held)
    try:
        yield
    finally:
        inventory.hold(*held)
