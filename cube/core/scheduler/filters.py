"""Which nodes cannot take a replica, and why not.

A filter looks at one node and returns None or its refusal. The filters are asked in the order of `FILTERS`, and the
first refusal stands: a node that is lost is not also reported as full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import compress

from cube.core.scheduler.candidate import Candidate
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.explain import NodeRefusal
from cube.core.scheduler.shortage import lacks, shortage
from cube.model.node import Availability, Condition
from cube.model.resources import NOTHING

Filter = Callable[[Candidate, Demand], NodeRefusal | None]


def ready(candidate: Candidate, _demand: Demand) -> NodeRefusal | None:
    """Only nodes that are heard of, open for new work and have a working engine."""
    node = candidate.node
    if node.quarantine:
        return _refusal(candidate, "quarantined", node.quarantine)
    if node.condition is not Condition.READY:
        return _refusal(candidate, node.condition.value, f"is {node.condition}")
    if node.availability is not Availability.ACTIVE:
        return _refusal(candidate, node.availability.value, f"is {node.availability}")
    if node.runtime_error:
        return _refusal(candidate, "runtime_down", node.runtime_error)
    return None


def constraints(candidate: Candidate, demand: Demand) -> NodeRefusal | None:
    """Only nodes that meet every constraint of the task."""
    for constraint in demand.constraints:
        if not constraint.holds(candidate.node):
            has = constraint.look_up(candidate.node)
            message = f"{constraint.key} is {has or 'not set'} but {constraint} is asked for"
            return _refusal(candidate, "constraints", message, about=str(constraint))
    return None


def max_per_node(candidate: Candidate, demand: Demand) -> NodeRefusal | None:
    """No more replicas of the task on a node than it allows; 0 allows any number."""
    if not demand.max_per_node:
        return None
    here = candidate.tasks.get(demand.task_id, 0)
    if here < demand.max_per_node:
        return None
    limit = f"max_per_node {demand.max_per_node}"
    return _refusal(candidate, "max_per_node", f"has {here} already, {limit}", about=limit)


def avoided(candidate: Candidate, demand: Demand) -> NodeRefusal | None:
    """Not where the replica is kept away from for a while."""
    reason = demand.avoid.get(candidate.node.id)
    return None if reason is None else _refusal(candidate, "avoided", reason)


def host_ports(candidate: Candidate, demand: Demand) -> NodeRefusal | None:
    """Only where every fixed host port is free."""
    if not demand.host_ports:
        return None
    taken = [
        f"{port}/{protocol}"
        for port, protocol in demand.host_ports
        if (port, protocol) in candidate.ports
    ]
    if not taken:
        return None
    about = f"{'port' if len(taken) == 1 else 'ports'} {_all(taken)}"
    return _refusal(candidate, "host_ports", f"{about} taken", about=about)


def resources(candidate: Candidate, demand: Demand) -> NodeRefusal | None:
    """Only where what is asked fits beside what is reserved. Nothing asked always fits."""
    free = candidate.free
    if demand.resources.fits(free):
        return None
    short = shortage(demand.resources, free)
    missing = lacks(short)
    return NodeRefusal(
        node_id=candidate.node.id,
        node_name=candidate.node.name,
        code="resources",
        message=f"{_all(lack.full for lack in missing)} short",
        about=_all(lack.resource for lack in missing),
        short=short,
    )


FILTERS: tuple[Filter, ...] = (ready, constraints, max_per_node, avoided, host_ports, resources)


def concerning(demand: Demand) -> tuple[Filter, ...]:
    """Return the filters that the demand can fail, in order; a batch need not ask the others of every node."""
    concerned = (
        True,
        demand.constraints,
        demand.max_per_node,
        demand.avoid,
        demand.host_ports,
        demand.resources != NOTHING,
    )
    return tuple(compress(FILTERS, concerned))


def refuse(
    candidate: Candidate, demand: Demand, filters: tuple[Filter, ...] = FILTERS
) -> NodeRefusal | None:
    """Return the first refusal, or None when the node can take one replica."""
    for filter_ in filters:
        if refusal := filter_(candidate, demand):
            return refusal
    return None


def _refusal(candidate: Candidate, code: str, message: str, *, about: str = "") -> NodeRefusal:
    node = candidate.node
    return NodeRefusal(
        node_id=node.id, node_name=node.name, code=code, message=message, about=about
    )


def _all(parts: Iterable[str]) -> str:
    return " and ".join(parts)
