"""Fit: the default. Packs by best fit, but first where the least is stranded, and spreads what asks for nothing.

What a node has left of one resource is stranded when it has not enough left of another to go with it: memory without
cpu serves nobody, a GPU without either even less. Best fit does not see this, and fills nodes until one of their
resources is used up and the others idle. A. Verma et al., "Large-scale cluster management at Google with Borg",
EuroSys 2015, tell of such a hybrid in 3.2; Q. Weng et al., "Beware of Fragmentation", USENIX ATC 2023, measure what is
left of GPUs by what the workload typically asks for.

It counts in coarse steps, and best fit decides among all nodes of a step: exact figures would scatter tasks over nodes
for differences that mean nothing. The measurements behind the constants: docs/decisions/0009-default-strategy.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cube.core.scheduler.columns import Flags, Floats
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.strategy import PULL_STEP, Term
from cube.model.resources import NOTHING

STEPS = 12  # of stranding that are told apart on a whole node
PRIOR = 0.1  # share of cpu and memory that counts as asked for at any time: the first tasks are no pattern
SCARCITY = 4  # power by which what is left over of the lesser asked resource matters less


def fit(offers: Offers) -> Iterator[Term]:
    """Cost: steps of what would be stranded, then the sum of all free shares after placing.

    What asks for nothing is not packed: it goes where the fewest allocations are, then where most is free. On a node
    without figures nothing is free.
    """
    demand = offers.demand
    if demand.resources == NOTHING and not demand.extras:
        yield Term("allocations", offers.count)
        free = np.add.reduce(offers.free[:2] * offers.per_capacity[:2])
        yield Term("free share", -free, PULL_STEP)
        return
    left = (
        np.subtract(offers.cpu_free, demand.resources.cpu_millis, dtype=np.float64),
        np.subtract(offers.memory_free, demand.resources.memory_bytes, dtype=np.float64),
    )
    per_cpu, per_memory, _ = offers.per_capacity
    cpu, memory = left[0] * per_cpu, left[1] * per_memory
    stranded, free = _stranded(offers, left), cpu + memory
    for extra in offers.inventory.extras:
        devices, there = _devices_left(offers, extra)
        np.copyto(stranded, np.maximum(devices - np.minimum(cpu, memory), 0.0), where=there)
        free += devices
    stranded *= STEPS
    yield Term("stranding", np.floor(stranded, out=stranded))
    if disk := demand.resources.disk_bytes:
        free += (offers.disk_free - disk) * offers.per_capacity[2]
    yield Term("free share", free, PULL_STEP)


def _stranded(offers: Offers, left: tuple[Floats, Floats]) -> Floats:
    """Return the share of cpu or of memory that is left without the other, by how scarce it is in the cluster.

    How much goes with how much is taken from what the tasks of this cluster ask for on the whole. While one of the two
    is asked for by none, nothing is stranded.
    """
    cpu, memory = _asked_of_all(offers)
    if not cpu or not memory:
        return np.zeros(len(offers))
    cpu, memory = cpu + PRIOR, memory + PRIOR
    scarcest = max(cpu, memory)
    all_cpu, all_memory, _ = offers.inventory.totals.capacity.amounts
    per_cpu, per_memory = offers.per_capacity[:2]
    ratio = memory * all_memory / (cpu * all_cpu)  # bytes that go with a thousandth of a core
    # Bytes that no cpu goes with; where there are less than none, cpu that no memory goes with.
    surplus = left[0] * -ratio
    surplus += left[1]
    idle_memory = surplus * per_memory
    if memory < scarcest:
        idle_memory *= (memory / scarcest) ** SCARCITY
    surplus *= per_cpu
    surplus *= -((cpu / scarcest) ** SCARCITY) / ratio
    idle: Floats = np.maximum(idle_memory, surplus, out=surplus)
    return idle


def _devices_left(offers: Offers, extra: str) -> tuple[Floats, Flags]:
    """Return the share of a kind of devices that is left, and which nodes have any. Devices come with cpu and memory.

    Not the other way round: what is left of cpu beside busy devices serves tasks that need none.
    """
    capacity = offers.extra_capacity(extra)
    free = offers.extra_free(extra) - offers.demand.extra_millis(extra)
    return free / np.maximum(capacity, 1), capacity > 0


def _asked_of_all(offers: Offers) -> tuple[float, float]:
    """Return what share of all cpu and of all memory the other tasks have reserved, with one replica of this one.

    One, however many there are: a batch of replicas is priced at once, as each would be after the one before it.
    """
    inventory, asked = offers.inventory, offers.demand.resources
    totals = inventory.totals
    own = sum(inventory.replicas(offers.demand.task_id).values()) - 1
    return (
        _share(totals.cpu_reserved - own * asked.cpu_millis, totals.capacity.cpu_millis),
        _share(totals.memory_reserved - own * asked.memory_bytes, totals.capacity.memory_bytes),
    )


def _share(taken: int, there: int) -> float:
    return max(0, taken) / there if there else 0.0
