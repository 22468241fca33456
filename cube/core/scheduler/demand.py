"""What one replica of a task asks of a node: all that placing needs to know of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from cube.core.images import listed_name
from cube.core.policy import Rights, rights_of
from cube.core.scheduler import constraints
from cube.core.scheduler.constraints import Constraint
from cube.core.scheduler.inventory import HostPort
from cube.model.ids import NodeId, TaskId
from cube.model.resources import NOTHING, Resources
from cube.model.spec import Preference, Spread
from cube.model.task import Task


class Wish(msgspec.Struct, frozen=True):
    """What the task would rather have of a node: that it meets `when`, or that it runs `near` another task."""

    weight: int
    when: Constraint | None = None
    near: TaskId | None = None  # None: there is no such task, and no node is near it


class Home(msgspec.Struct, frozen=True):
    """The node that a slot has to come back to, for it has the slot's volumes."""

    node_id: NodeId
    node_name: str
    volumes: tuple[str, ...]


class Demand(msgspec.Struct, frozen=True):
    """One replica's needs. `avoid` names nodes that would take it but are not to have it now, and why."""

    task_id: TaskId
    resources: Resources = NOTHING
    host_ports: tuple[HostPort, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    max_per_node: int = 0
    avoid: Mapping[NodeId, str] = {}
    platform: str = ""
    home: Home | None = None
    spread: tuple[Spread, ...] = ()
    wishes: tuple[Wish, ...] = ()
    extras: tuple[tuple[str, int], ...] = ()  # thousandths of devices, by kind
    image: str = ""  # as an engine lists it
    rights: Rights = Rights()

    def extra_millis(self, extra: str) -> int:
        """Return how many thousandths of devices of that kind are asked for."""
        return dict(self.extras).get(extra, 0)


def demand_of(
    task: Task,
    avoid: Mapping[NodeId, str] | None = None,
    named: Callable[[str], Task | None] = lambda _: None,
    home: Home | None = None,
) -> Demand:
    """Return what a replica of the task asks for; `named` finds the tasks it may want to be near.

    The constraints of an admitted task always parse.
    """
    spec = task.spec
    return Demand(
        task_id=task.id,
        resources=spec.demand,
        host_ports=spec.host_ports,
        constraints=tuple(map(constraints.parse, spec.constraints)),
        max_per_node=spec.max_per_node,
        avoid=avoid or {},
        platform=spec.platform,
        home=home,
        spread=spec.spread,
        wishes=tuple(_wish(preference, named) for preference in spec.prefer),
        extras=tuple(sorted(spec.extras_millis.items())),
        image=listed_name(spec.image),
        rights=rights_of(spec),
    )


def _wish(preference: Preference, named: Callable[[str], Task | None]) -> Wish:
    if preference.when:
        return Wish(preference.weight, when=constraints.parse(preference.when))
    task = named(preference.near)
    return Wish(preference.weight, near=task.id if task else None)
