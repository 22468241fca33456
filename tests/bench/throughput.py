"""Placements per second: the product's own `place` and `hold`, beside the bare arithmetic in numpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from statistics import median
from time import perf_counter

import numpy as np

from cube.core.scheduler.demand import Demand
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.place import place, why_not
from cube.core.scheduler.strategies import STRATEGIES
from cube.core.scheduler.strategy import Strategy
from cube.model.ids import NodeId, TaskId
from cube.model.node import Facts, Node
from cube.model.resources import Resources
from tests.bench.figures import table

SIZES = (10, 100, 1_000, 5_000)
GIB = 1024**3
MIXED = 300  # placements of one round, each of another task
IDENTICAL = 20_000  # replicas of one task


async def measure(rounds: int) -> str:
    """Return the tables: mixed tasks one by one, a batch of identical slots, and a refusal by every node."""
    rows = [line for nodes in SIZES for line in _of_size(nodes, rounds)]
    return table(("nodes", "what", "us each", "per second", "ratio to numpy"), rows)


def _of_size(nodes: int, rounds: int) -> list[tuple[str, ...]]:
    bare = _median(rounds, partial(_bare, nodes))
    lines: list[tuple[str, ...]] = [_line(nodes, "bare numpy: filter, score, argmin", bare, bare)]
    for name, strategy in STRATEGIES.items():
        took = _median(rounds, partial(_mixed, nodes, strategy))
        lines.append(_line(nodes, f"mixed, {name}", took, bare))
    for name, strategy in STRATEGIES.items():
        took = _median(rounds, partial(_identical, nodes, strategy))
        lines.append(_line(nodes, f"identical, {name}", took, bare))
    lines.append(
        _line(nodes, "refused by all, in words", _median(rounds, partial(_refused, nodes)), bare)
    )
    return lines


def _line(nodes: int, what: str, seconds: float, bare: float) -> tuple[str, ...]:
    return (
        f"{nodes:,}",
        what,
        f"{seconds * 1e6:.2f}",
        f"{1 / seconds:,.0f}",
        f"{seconds / bare:.2f}",
    )


def _median(rounds: int, once: Callable[[], float]) -> float:
    return median(once() for _ in range(rounds))


def _inventory(nodes: int) -> Inventory:
    """Return nodes of three sizes, each with something on it."""
    random = Random(nodes)
    inventory = Inventory()
    for number in range(nodes):
        cores = random.choice((16, 32, 64))
        facts = Facts(name=f"w{number}", capacity=Resources(cores * 1000, cores * 4 * GIB, 0))
        node = Node(id=NodeId(f"node-{number}"), facts=facts)
        inventory.put(node)
        held = Resources(random.randrange(cores) * 500, random.randrange(cores) * GIB, 0)
        inventory.hold(node.id, TaskId(f"old-{number}"), held, ())
    return inventory


def _mixed(nodes: int, strategy: Strategy) -> float:
    """Place one replica of one task after the other, each recorded before the next; return the seconds of one."""
    inventory, random = _inventory(nodes), Random(1)
    sizes = [
        Resources(random.randrange(1, 20) * 50, random.randrange(1, 20) * GIB // 8, 0)
        for _ in range(MIXED)
    ]
    demands = [Demand(TaskId(f"task-{n}"), size) for n, size in enumerate(sizes)]
    place(demands[0], 1, inventory, strategy)  # what is looked up once is not part of it
    began = perf_counter()
    placed = 0
    for revision, demand in enumerate(demands):
        for node_id in place(demand, 1, inventory, strategy).nodes:
            inventory.hold(node_id, demand.task_id, demand.resources, ())
            inventory.chosen(node_id, revision)
            placed += 1
    return (perf_counter() - began) / max(1, placed)


def _identical(nodes: int, strategy: Strategy) -> float:
    """Place many replicas of one task in one go and record them; return the seconds of one."""
    inventory = _inventory(nodes)
    demand = Demand(TaskId("web"), Resources(1, 1, 0))
    began = perf_counter()
    placement = place(demand, IDENTICAL, inventory, strategy)
    for node_id in placement.nodes:
        inventory.hold(node_id, demand.task_id, demand.resources, ())
    took = perf_counter() - began
    assert len(placement.nodes) == IDENTICAL, placement.refusal
    return took / IDENTICAL


def _refused(nodes: int) -> float:
    """Word the refusal of what no node can take; return the seconds of one."""
    inventory = _inventory(nodes)
    demand = Demand(TaskId("huge"), Resources(1_000_000, GIB, 0))
    began = perf_counter()
    for _ in range(50):
        refusal = why_not(demand, inventory)
        assert refusal is not None
        refusal.sentence()
    return (perf_counter() - began) / 50


def _bare(nodes: int) -> float:
    """Do the arithmetic of one placement on arrays, and nothing else; return the seconds of one."""
    random = np.random.default_rng(nodes)
    cpu, memory = random.integers(8_000, 64_000, nodes), random.integers(GIB, 256 * GIB, nodes)
    whole_cpu, whole_memory = cpu + 8_000, memory + GIB
    began = perf_counter()
    for step in range(MIXED):
        asked_cpu, asked_memory = 50 + step, GIB // 8 + step
        fits = (cpu >= asked_cpu) & (memory >= asked_memory)
        left = (cpu - asked_cpu) / whole_cpu + (memory - asked_memory) / whole_memory
        chosen = np.where(fits, left, np.inf).argmin()
        cpu[chosen] -= asked_cpu
        memory[chosen] -= asked_memory
    return (perf_counter() - began) / MIXED
