"""Rebalancing: which replicas would be placed elsewhere if they were placed today, and moving them one by one.

Nodes come, go and are opened again, and what runs stays where it is. A move is proposed where placing a replica anew
would choose another node for a reason that counts: its task's replicas apart, spread over labels, what the task would
rather have, then the strategy's own figures. What merely breaks ties moves nothing.

A slot is filled once, so a move stops the replica before its successor starts; two stays of one slot beside each other
would undo the fencing that everything else stands on. So a task keeps working by its other replicas: only tasks of
which every replica is ready are touched, one move at a time in the whole cluster, the next when the moved replica is
ready again. A task with a single replica is left alone unless that is asked for. Slots whose volumes are at home stay.

What is under way is not recorded: a restarted manager ends a move that was begun like any other vacant slot, and begins
none of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice

import numpy as np
from msgspec.structs import replace

from cube.core.changes import Change, Unassign
from cube.core.cluster import Cluster
from cube.core.moves import Move
from cube.core.reconcile.needs import demand_for, home_of
from cube.core.roster import Slot, Standing
from cube.core.scheduler.costs import Tally, terms
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters import refuse
from cube.core.scheduler.offers import Offers
from cube.core.scheduler.place import place
from cube.core.scheduler.strategy import Strategy, Term
from cube.core.scheduler.trial import without
from cube.core.words import plural
from cube.model.allocation import Allocation
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.task import Goal, Task

LOOKS_AT_MOST = 300  # placements tried for one proposal: the rest waits for the next
LEAST_GAIN = 0.05  # of a share; less is not worth a restart
_TIES = frozenset({"last chosen", "name"})
_FIRST = ("spread", "replicas", "preferences")  # then the strategy's own


def propose(
    cluster: Cluster,
    strategy_of: Callable[[Task], Strategy],
    *,
    most: int,
    include_single: bool = False,
) -> list[Move]:
    """Return up to `most` moves, each an improvement once those before it are made. No slot is moved twice.

    Bounded: the most crowded replicas are looked at first, and not all of them in a very large cluster. The cluster is
    as before on return.
    """
    moves: list[Move] = []
    looks = LOOKS_AT_MOST
    moved: set[AllocationId] = set()
    with ExitStack() as undo:
        while looks > 0:
            found: list[tuple[tuple[object, ...], Slot]] = []
            for task, slot in islice(_movable(cluster, include_single, moved), looks):
                looks -= 1
                if move := improvement(cluster, task, slot, strategy_of(task)):
                    found.append((_order(move, task), slot))
            before = len(moves)
            for _, slot in sorted(found, key=lambda pair: pair[0])[: most - len(moves)]:
                assert slot.latest is not None
                task = cluster.tasks[slot.latest.task_id]
                if move := improvement(cluster, task, slot, strategy_of(task)):
                    moves.append(move)
                    moved.add(move.allocation_id)
                    _pretend(cluster, slot.latest, move.target, undo)
            if len(moves) in (before, most):
                break
    return moves


def improvement(cluster: Cluster, task: Task, slot: Slot, strategy: Strategy) -> Move | None:
    """Return the move of this replica, None where it stands as well as it could."""
    latest = slot.latest
    assert latest is not None
    inventory = cluster.inventory
    with without(inventory, *latest.holding):
        demand = demand_for(cluster, task, slot)
        here = inventory.row(latest.node_id)
        if refuse(inventory, here, demand) is not None:
            return None  # it stays by old rights, and not for want of a better place
        there = inventory.row(place(demand, 1, inventory, strategy).nodes[0])
        # A pull that is saved is a reason where to start, and none to leave: what runs has its image.
        pair = Offers(inventory, replace(demand, image=""), np.array([here, there]))
        for term in _terms(pair, demand, strategy):
            now, then = float(term.values[0]), float(term.values[1])
            if now != then:
                return _move(cluster, task, latest, inventory.id(there), term.name, now, then)
    return None


def _terms(pair: Offers, demand: Demand, strategy: Strategy) -> Iterator[Term]:
    if demand.spread:
        yield Term("spread", Tally(pair.inventory, demand, pair.numbers).scores())
    yield from terms(pair, strategy)


def _move(
    cluster: Cluster,
    task: Task,
    stay: Allocation,
    target: NodeId,
    code: str,
    now: float,
    then: float,
) -> Move | None:
    if code in _TIES or now - then < LEAST_GAIN:
        return None
    origin_name, target_name = cluster.nodes[stay.node_id].name, cluster.nodes[target].name
    match code:
        case "spread":
            labels = ", ".join(one.label for one in task.spec.spread)
            reason = f"spread more evenly over {labels}"
        case "replicas":
            beside = plural(int(now), "other replica")
            reason = f"{origin_name} has {beside} of {task.name}, {target_name} {then:g}"
        case "preferences":
            reason = f"{target_name} is more of what it would rather have"
        case _:
            reason = f"{code} without it: {now:.4g} on {origin_name}, {then:.4g} on {target_name}"
    return Move(
        task_id=task.id,
        slot=stay.slot,
        allocation_id=stay.id,
        origin=stay.node_id,
        target=target,
        code=code,
        gain=now - then,
        reason=reason,
    )


def _order(move: Move, task: Task) -> tuple[object, ...]:
    weight = _FIRST.index(move.code) if move.code in _FIRST else len(_FIRST)
    return weight, -move.gain, task.name, move.slot


def _movable(
    cluster: Cluster, include_single: bool, moved: set[AllocationId]
) -> Iterator[tuple[Task, Slot]]:
    """Yield one replica of each task on each node, of tasks that can do without one; from crowded nodes first."""
    found: dict[tuple[TaskId, NodeId], Slot] = {}
    touchable = (
        task for task in cluster.tasks.values() if may_lose_one(cluster, task, include_single)
    )
    for task in touchable:
        for slot in cluster.slots(task.id).values():
            if slot.latest and slot.latest.id not in moved and _free_to_go(cluster, task, slot):
                found[task.id, slot.latest.node_id] = slot
    inventory = cluster.inventory

    def crowd(key: tuple[TaskId, NodeId]) -> tuple[int, int, str, int]:
        row = inventory.row(key[1])
        replicas = inventory.replicas(key[0]).get(row, 0)
        return -replicas, -int(inventory.count[row]), cluster.tasks[key[0]].name, row

    for key in sorted(found, key=crowd):
        yield cluster.tasks[key[0]], found[key]


def may_lose_one(cluster: Cluster, task: Task, include_single: bool) -> bool:
    """Whether every replica works and there are others beside the one that moves."""
    if task.goal is Goal.STOP or task.wanted_slots < (1 if include_single else 2):
        return False
    roster = cluster.rosters[task.id]
    return not roster.outdated and roster.count(Standing.READY) == task.wanted_slots


def _free_to_go(cluster: Cluster, task: Task, slot: Slot) -> bool:
    latest = slot.latest
    if latest is None or slot.standing is not Standing.READY or home_of(cluster, task, slot):
        return False
    # What stays on a cordoned node is meant to stay, and a draining one is emptied anyway.
    return bool(cluster.inventory.open[cluster.inventory.row(latest.node_id)])


def _pretend(cluster: Cluster, stay: Allocation, target: NodeId, undo: ExitStack) -> None:
    """Make it look, until `undo`, as it will once the allocation is on that node; its devices are left open."""
    inventory = cluster.inventory
    undo.enter_context(without(inventory, *stay.holding))
    moved = replace(stay, node_id=target, devices=())
    inventory.hold(*moved.holding)
    undo.callback(inventory.let_go, *moved.holding)


class Rebalancing:
    """The moves that were asked for and are not made yet. Kept in memory only."""

    def __init__(self, cluster: Cluster, strategy_of: Callable[[Task], Strategy]) -> None:
        self._cluster = cluster
        self._strategy_of = strategy_of
        self._left: deque[Move] = deque()
        self._under_way: Move | None = None

    @property
    def task_id(self) -> TaskId | None:
        """The task whose replica is on its way, or is to move next; None when all is done."""
        move = self._under_way or (self._left[0] if self._left else None)
        return move.task_id if move else None

    def begin(self, moves: Iterable[Move]) -> None:
        """Make these moves, and none of those asked for before that were not begun."""
        self._left = deque(moves)

    def step(self) -> list[Change]:
        """Return the next move once the one before is settled; moves that would gain nothing any more are left out."""
        if self._under_way and not self._settled(self._under_way):
            return []
        self._under_way = None
        while self._left:
            move = self._left.popleft()
            if again := self._again(move):
                self._under_way = again
                return [Unassign(again.allocation_id, f"moved to another node: {again.reason}")]
        return []

    def _again(self, move: Move) -> Move | None:
        cluster = self._cluster
        task = cluster.tasks.get(move.task_id)
        if task is None or not may_lose_one(cluster, task, include_single=True):
            return None
        slot = cluster.slots(task.id)[move.slot]
        if not _free_to_go(cluster, task, slot):
            return None
        return improvement(cluster, task, slot, self._strategy_of(task))

    def _settled(self, move: Move) -> bool:
        if move.task_id not in self._cluster.tasks:
            return True
        slot = self._cluster.slots(move.task_id)[move.slot]
        return slot.standing >= Standing.READY
