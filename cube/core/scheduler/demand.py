"""What one replica of a task asks of a node: all that placing needs to know of a task."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cube.core.scheduler import constraints
from cube.core.scheduler.constraints import Constraint
from cube.core.scheduler.inventory import HostPort
from cube.model.ids import NodeId, TaskId
from cube.model.resources import NOTHING, Resources
from cube.model.task import Task


class Demand(msgspec.Struct, frozen=True):
    """One replica's needs. `avoid` names nodes that would take it but are not to have it now, and why."""

    task_id: TaskId
    resources: Resources = NOTHING
    host_ports: tuple[HostPort, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    max_per_node: int = 0
    avoid: Mapping[NodeId, str] = {}
    platform: str = ""
    extras: tuple[tuple[str, int], ...] = ()  # thousandths of devices, by kind


def demand_of(task: Task, avoid: Mapping[NodeId, str] | None = None) -> Demand:
    """Return what a replica of the task asks for. The constraints of an admitted task always parse."""
    spec = task.spec
    return Demand(
        task_id=task.id,
        resources=spec.demand,
        host_ports=spec.host_ports,
        constraints=tuple(map(constraints.parse, spec.constraints)),
        max_per_node=spec.max_per_node,
        avoid=avoid or {},
        platform=spec.platform,
        extras=tuple(sorted(spec.extras_millis.items())),
    )
