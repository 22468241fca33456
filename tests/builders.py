"""Valid values for tests: each builder takes what the test is about and fills in the rest.

Identities follow from names (`task_id("web")`, `node_id("w1")`), so that a test can name a thing before
it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
import numpy as np

from cube.core.scheduler.demand import Demand, demand_of
from cube.core.scheduler.devices import choose, missing
from cube.core.scheduler.inventory import Inventory
from cube.model.allocation import Allocation, Observed, Phase
from cube.model.extras import DEVICE, Share
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.node import Facts, Node
from cube.model.resources import Resources
from cube.model.spec import TaskSpec
from cube.model.task import Task

GIB = 1024**3
MIB = 1024**2
CAPACITY = Resources(cpu_millis=4_000, memory_bytes=8 * GIB, disk_bytes=100 * GIB)

_NAMESPACE = UUID("5c7d4f0e-9a55-4c3e-8d0f-0f6c8f2b6a11")


def task_id(name: str) -> TaskId:
    """Return the id that `a_task(name=name)` has."""
    return TaskId(str(uuid5(_NAMESPACE, f"task {name}")))


def node_id(name: str) -> NodeId:
    """Return the id that `a_node(name)` has."""
    return NodeId(str(uuid5(_NAMESPACE, f"node {name}")))


def a_spec(**fields: Any) -> TaskSpec:
    """Return a valid spec with these fields."""
    return TaskSpec(**{"name": "web", "image": "busybox:latest"} | fields)


def a_task(**fields: Any) -> Task:
    """Return a task. Fields of a task go to the task, all others to its spec."""
    own = {key: fields.pop(key) for key in _TASK_FIELDS & fields.keys()}
    spec = msgspec.structs.replace(own.pop("spec", a_spec()), **fields)
    defaults: dict[str, Any] = {"id": task_id(spec.name), "spec": spec}
    return Task(**defaults | own)


def a_node(name: str = "w1", **fields: Any) -> Node:
    """Return a ready node. Fields of a node go to the node, all others to its facts."""
    own = {key: fields.pop(key) for key in _NODE_FIELDS & fields.keys()}
    facts = own.pop("facts", Facts(name=name, capacity=CAPACITY))
    facts = msgspec.structs.replace(facts, **fields)
    defaults: dict[str, Any] = {"id": node_id(facts.name), "facts": facts}
    return Node(**defaults | own)


def an_allocation(task: Task | None = None, node: Node | None = None, **fields: Any) -> Allocation:
    """Return slot 1 of the task on the node, running for the first time.

    Fields of an allocation go to the allocation, all others (`phase`, `restart`, `health`) to what was
    observed of it.
    """
    task = task or a_task()
    node = node or a_node()
    own = {key: fields.pop(key) for key in _ALLOCATION_FIELDS & fields.keys()}
    slot, generation = own.get("slot", 1), own.get("generation", 1)
    seen: dict[str, Any] = {"phase": Phase.RUNNING, "sequence": 1} | fields
    defaults: dict[str, Any] = {
        "id": allocation_id(task.id, slot, generation),
        "task_id": task.id,
        "slot": slot,
        "generation": generation,
        "node_id": node.id,
        "template_revision": task.template_revision,
        "demand": task.spec.demand,
        "host_ports": task.spec.host_ports,
        "observed": Observed(**seen),
    }
    return Allocation(**defaults | own)


class Stock(NamedTuple):
    """One node of an inventory: what it is, what is on it, when it was chosen last, which images it has."""

    node: Node
    held: tuple[Task, ...]
    last_placed: int
    images: tuple[str, ...]


def a_stock(
    name: str = "w1",
    *,
    held: Iterable[Task] = (),
    last_placed: int = 0,
    images: tuple[str, ...] = (),
    **fields: Any,
) -> Stock:
    """Return `a_node(name, **fields)` with one replica of each held task on it."""
    return Stock(a_node(name, **fields), tuple(held), last_placed, images)


def an_inventory(*stocks: Stock) -> Inventory:
    """Return the inventory of these nodes, their rows in this order."""
    inventory = Inventory(stock.node for stock in stocks)
    for stock in stocks:
        for task in stock.held:
            hold(inventory, stock.node.id, task)
        inventory.chosen(stock.node.id, stock.last_placed)
        inventory.images.put(inventory.row(stock.node.id), stock.images)
    return inventory


def hold(inventory: Inventory, node_id: NodeId, task: Task) -> None:
    """Reserve for one replica of the task on the node, whether it fits or not; devices only while there are any."""
    spec = task.spec
    shares: list[Share] = []
    for extra, millis in spec.extras_millis.items():
        free = inventory.devices_free(extra, np.array([inventory.row(node_id)]))
        if not missing(free, millis)[0]:
            held = min(millis, DEVICE)
            shares += [Share(extra, one, held) for one in choose(free[0].tolist(), millis)]
    inventory.hold(node_id, task.id, spec.demand, spec.host_ports, shares)


def a_demand(avoid: Mapping[NodeId, str] | None = None, **fields: Any) -> Demand:
    """Return what one replica of `a_task(**fields)` asks for. Any task that it wants to be near is there."""
    return demand_of(a_task(**fields), avoid, lambda name: a_task(name=name))


def _names(struct: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


_TASK_FIELDS = _names(Task)
_NODE_FIELDS = _names(Node)
_ALLOCATION_FIELDS = _names(Allocation)
