"""What would make a replica fit: single changes that are enough, each tried on the inventory before it is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import msgspec
from msgspec.structs import replace

from cube.core.policy import Rights
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters import FILTERS, NodeRefusal, refuse, standing
from cube.core.scheduler.filters.policy import Allowed
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.shortage import human_bytes, lacks
from cube.model.extras import DEVICE
from cube.model.resources import NOTHING

REMEDIES_AT_MOST = 5


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """One change that is enough by itself. `nodes` is how many would take the replica then."""

    code: str  # free, ask_less, drop_constraint, drop_limit, drop_right, allow, reopen, wait
    message: str
    nodes: int = 1


def remedies(
    demand: Demand, inventory: Inventory, refused: Sequence[NodeRefusal]
) -> tuple[Remedy, ...]:
    """Return some of the changes that would let a replica in, at most REMEDIES_AT_MOST.

    `refused` are the refusals of all nodes, the nearest miss first.
    """
    found = chain(
        islice(_by_room(demand, inventory, refused), 1),
        _by_asking_less(demand, inventory),
        _by_asking_for_less_of_an_extra(demand, inventory),
        _by_rule(demand, inventory),
        _by_node(demand, inventory, refused),
    )
    return tuple(islice(found, REMEDIES_AT_MOST))


def _by_room(
    demand: Demand, inventory: Inventory, refused: Sequence[NodeRefusal]
) -> Iterator[Remedy]:
    """Room on a node that is large enough, and lacks nothing else."""
    for one in refused:
        node = inventory.nodes[one.node_id]
        large = demand.resources.fits(node.facts.capacity) and all(
            millis <= node.facts.extras.get(extra, 0) * DEVICE for extra, millis in demand.extras
        )
        # Devices are asked for last: who lacks memory may lack them, too.
        roomy = replace(demand, resources=NOTHING) if one.code == "resources" else demand
        roomy = replace(roomy, extras=()) if one.code == "extras" else roomy
        if (
            one.code in ("resources", "extras")
            and large
            and refuse(inventory, inventory.row(one.node_id), roomy) is None
        ):
            words = " and ".join(lack.full for lack in lacks(one.short, one.extras_short))
            yield Remedy(code="free", message=f"free {words} on {one.node_name}")


def _by_asking_less(demand: Demand, inventory: Inventory) -> Iterator[Remedy]:
    """The most of one resource that a node has left which has enough of all others."""
    asked = demand.resources
    for field, column in (
        ("cpu_millis", inventory.cpu_free),
        ("memory_bytes", inventory.memory_free),
        ("disk_bytes", inventory.disk_free),
    ):
        if not getattr(asked, field):
            continue
        less = replace(demand, resources=replace(asked, **{field: 0}))
        offers = Offers(inventory, less, inventory.rows())
        most = int(column[offers.rows][standing(offers)].max(initial=0))
        if most > 0:
            yield Remedy(code="ask_less", message=f"ask for at most {_amount(field, most)}")


def _amount(field: str, most: int) -> str:
    if field == "cpu_millis":
        return f"{most / 1000:g} core{'' if most == 1000 else 's'}"
    return f"{human_bytes(most, up=False)} {field.removesuffix('_bytes')}"


def _by_asking_for_less_of_an_extra(demand: Demand, inventory: Inventory) -> Iterator[Remedy]:
    """The most devices, or the largest part of one, that a node has left which has enough of all else."""
    for extra, millis in demand.extras:
        others = tuple(one for one in demand.extras if one[0] != extra)
        offers = Offers(inventory, replace(demand, extras=others), inventory.rows())
        free = inventory.devices_free(extra, offers.rows)[standing(offers)]
        if millis > DEVICE:
            whole = (free == DEVICE).sum(axis=1) * DEVICE
            most = int(whole.max(initial=0))
        else:
            most = int(free.max(initial=0))
        if most > 0:
            message = f"ask for at most {most / DEVICE:g} {extra}"
            yield Remedy(code="ask_less", message=message)


def _by_rule(demand: Demand, inventory: Inventory) -> Iterator[Remedy]:
    """One rule of the task that keeps everybody out where all else would do."""
    for code, words, relaxed in _relaxed(demand):
        if nodes := _takers(relaxed, inventory):
            noun = "node" if nodes == 1 else "nodes"
            yield Remedy(code=code, message=f"{words}: {nodes} {noun} would take it", nodes=nodes)


def _relaxed(demand: Demand) -> Iterator[tuple[str, str, Demand]]:
    for constraint in demand.constraints:
        others = tuple(one for one in demand.constraints if one != constraint)
        words = f"remove constraint {constraint}"
        yield "drop_constraint", words, replace(demand, constraints=others)
    if demand.platform:
        words = f"remove platform {demand.platform}"
        yield "drop_constraint", words, replace(demand, platform="")
    for words, rights in _without_one(demand.rights):
        yield "drop_right", f"do without {words}", replace(demand, rights=rights)
    if demand.max_per_node:
        words = f"raise max_per_node above {demand.max_per_node}"
        yield "drop_limit", words, replace(demand, max_per_node=0)
    if demand.host_ports:
        words = "let the engine choose the host ports"
        yield "drop_limit", words, replace(demand, host_ports=())


def _without_one(rights: Rights) -> Iterator[tuple[str, Rights]]:
    if rights.privileged:
        yield "privileged", replace(rights, privileged=False)
    if rights.host_network:
        yield "network: host", replace(rights, host_network=False)
    for field, noun in (("devices", "device"), ("capabilities", "capability")):
        for one in (asked := getattr(rights, field)):
            others = tuple(other for other in asked if other != one)
            yield f"{noun} {one}", replace(rights, **{field: others})
    for one in rights.mounts:
        others = tuple(other for other in rights.mounts if other != one)
        yield f"mount {one[0]}", replace(rights, mounts=others)


def _by_node(
    demand: Demand, inventory: Inventory, refused: Sequence[NodeRefusal]
) -> Iterator[Remedy]:
    """A node that is closed, forbids something or is avoided for a while, and would do otherwise."""
    for one in refused:
        row = inventory.row(one.node_id)
        if one.code in ("cordoned", "draining"):
            others = [other for other in FILTERS[1:] if other.concerns(demand)]
            if not any(other.refuse(inventory, row, demand, 0) for other in others):
                words = f"open {one.node_name} again: cube node uncordon {one.node_name}"
                yield Remedy(code="reopen", message=words)
        elif one.code == "policy":
            others = [other for other in FILTERS if other.concerns(demand)]
            if not any(
                other.refuse(inventory, row, demand, 0)
                for other in others
                if not isinstance(other, Allowed)
            ):
                words = f"allow {one.about} in the policy of {one.node_name}, and start its worker again"
                yield Remedy(code="allow", message=words)
        elif one.code == "avoided" and not refuse(inventory, row, replace(demand, avoid={})):
            yield Remedy(code="wait", message=f"wait: {one.node_name} is avoided only for a while")


def _takers(demand: Demand, inventory: Inventory) -> int:
    """Return how many nodes would take one replica."""
    return int(standing(Offers(inventory, demand, inventory.rows())).sum())
