"""Counting what there is, for a scrape: one walk over the tasks and the nodes, never over the allocations.

The walk lets others have their turn, so what it counts is not of one moment. It is kept for a while, the longer the
longer it took: however often somebody asks, counting is a small share of what the manager does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import islice

import msgspec

from cube.core.cluster import Cluster
from cube.core.roster import Roster, Standing
from cube.core.summary import state_of
from cube.manager.doors import Core
from cube.manager.metric_table import NODES_SHOWN
from cube.model.node import Availability, Condition, Node
from cube.model.resources import Resources
from cube.model.task import TaskState
from cube.model.timing import Instant

TASKS_AT_ONCE = 500  # 2 ms in which nobody else gets a turn
NODES_AT_ONCE = 100  # likewise
KEPT_LEAST = 1.0  # seconds: several who scrape at once share a walk
KEPT_TIMES = 50.0  # as often as it took: 2 % of the time at most
UNASKED = "to_be_placed"  # the reason of a slot that no node has refused


class NodeCount(msgspec.Struct, frozen=True, gc=False):
    """One node, as its series show it. `lease_age` is None for one that is given up, `used` until it has told."""

    name: str
    up: bool
    lease_age: float | None
    allocations: int
    capacity: Resources
    reserved: Resources
    used: Resources | None


class Count(msgspec.Struct, kw_only=True):
    """What there is."""

    tasks: Counter[TaskState] = msgspec.field(default_factory=Counter)
    slots: Counter[Standing] = msgspec.field(default_factory=Counter)
    pending: Counter[str] = msgspec.field(default_factory=Counter)
    nodes: Counter[tuple[Condition, Availability]] = msgspec.field(default_factory=Counter)
    each_node: list[NodeCount] = []


class Census:
    """Counts anew when the last count is too old."""

    def __init__(self, core: Callable[[], Core], now: Callable[[], Instant]) -> None:
        self._core = core
        self._now = now
        self._lock = asyncio.Lock()
        self._count = Count()
        self._good_until = float("-inf")

    async def take(self) -> Count:
        """Return what there is, counted a moment ago."""
        async with self._lock:
            began = self._now().monotonic
            if began >= self._good_until:
                self._count = await self._walk()
                ended = self._now().monotonic
                self._good_until = ended + max(KEPT_LEAST, KEPT_TIMES * (ended - began))
            return self._count

    async def _walk(self) -> Count:
        core, count = self._core(), Count()
        cluster = core.cluster
        for number, task_id in enumerate(list(cluster.tasks)):
            if number % TASKS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if task := cluster.tasks.get(task_id):  # it may have been forgotten meanwhile
                roster = cluster.rosters[task_id]
                count.tasks[state_of(task, roster)] += 1
                _count_slots(count, roster)
        for number, node in enumerate(list(cluster.nodes.values())):
            if number % NODES_AT_ONCE == 0:
                await asyncio.sleep(0)
            count.nodes[node.condition, node.availability] += 1
        now = self._now()
        for node in list(islice(cluster.nodes.values(), NODES_SHOWN)):
            count.each_node.append(_count_node(node, core, now))
        return count


def _count_slots(count: Count, roster: Roster) -> None:
    for standing in Standing:
        count.slots[standing] += roster.count(standing)
    if waiting := roster.count(Standing.VACANT):
        for reason in roster.refused_by or (UNASKED,):
            count.pending[reason] += waiting


def _count_node(node: Node, core: Core, now: Instant) -> NodeCount:
    cluster: Cluster = core.cluster
    heard, usage = core.heard(node.id), core.usage(node.id)
    return NodeCount(
        name=node.name,
        up=node.ready,
        lease_age=None if heard is None else max(0.0, now.monotonic - heard),
        allocations=len(cluster.on_node(node.id)),
        capacity=node.facts.capacity,
        reserved=cluster.reserved(node.id),
        used=Resources(usage.cpu_millis, usage.memory_bytes, usage.disk_bytes) if usage else None,
    )
