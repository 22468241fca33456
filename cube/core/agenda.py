"""What the manager's core has yet to look at: the slots that changed, the tasks that wait, the nodes with new room.

Everything here is rebuilt from whole state at start; afterwards changes only mark what they touch, so that the
cost of a decision is that of the change and not of the cluster.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count

from cube.core.changes import (
    Adopt,
    Assign,
    Change,
    ForgetNode,
    ForgetTask,
    PutNode,
    PutTask,
    Record,
    Unassign,
    Wait,
    WriteOff,
)
from cube.core.cluster import Cluster
from cube.model.allocation import Allocation, Phase
from cube.model.event import EventKind
from cube.model.ids import NodeId, TaskId
from cube.model.node import Availability, Node


class Agenda:
    """Marks made by changes, taken by the planning that follows."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.slots: dict[TaskId, set[int]] = {}
        self._order: list[tuple[int, int, TaskId]] = []  # a heap; marks that were taken stay behind
        self._marked = count()
        # In the order of marking, unlike sets: the same inputs lead to the same decisions in every process.
        self.rolling: OrderedDict[TaskId, None] = OrderedDict()  # tasks whose next move may be due
        self.stuck: dict[TaskId, None] = {}  # of which a replica could not leave a draining node
        self.emptied: dict[NodeId, None] = dict.fromkeys(sorted(cluster.draining))
        self.moving: TaskId | None = None  # of which a replica is being moved
        # Refused by every node, in order of their refusal.
        self.waiting: dict[TaskId, set[int]] = {}
        self.freed: set[NodeId] = set()
        self.touched: dict[TaskId, None] = {}  # tasks whose derived state may have changed
        for task_id, roster in cluster.rosters.items():
            # What works is not looked at again: a manager with very many tasks is to serve soon.
            if unsettled := roster.unsettled():
                self.mark(task_id, unsettled)
            self._note_moves(task_id, cluster)

    @property
    def due(self) -> bool:
        """Whether there is anything to plan."""
        for_room = self.waiting or self._cluster.awaiting
        return bool(self.slots or self.rolling or self.emptied or (self.freed and for_room))

    def mark(self, task_id: TaskId, numbers: Iterable[int]) -> None:
        """These slots are to be looked at."""
        if task_id not in self.slots:
            entry = (-self._priority(task_id), next(self._marked), task_id)
            heappush(self._order, entry)
        self.slots.setdefault(task_id, set()).update(numbers)

    def take_slots(self, most: int) -> tuple[TaskId, set[int]]:
        """Take the marked slots of one task, up to so many: the highest priority first, then the longest marked."""
        while (task_id := self._order[0][2]) not in self.slots:
            heappop(self._order)
        numbers = self.slots[task_id]
        if len(numbers) > most:
            some = set(sorted(numbers)[:most])
            numbers -= some
            return task_id, some
        del self.slots[task_id]
        if not self.slots:
            self._order.clear()
        return task_id, numbers

    def in_turn(self) -> list[TaskId]:
        """Return the tasks that wait in the order in which room is offered to them: by priority, then the oldest."""
        tasks = self._cluster.tasks
        return sorted(self.waiting, key=lambda one: (-self._priority(one), tasks[one].created_ms))

    def mark_drain(self, node_id: NodeId) -> None:
        """What is on the node is to be moved, as far as that can be done."""
        for allocation_id in sorted(self._cluster.on_node(node_id)):
            self.rolling[self._cluster.allocations[allocation_id].task_id] = None
        self.emptied[node_id] = None

    def _priority(self, task_id: TaskId) -> int:
        task = self._cluster.tasks.get(task_id)
        return task.spec.priority if task else 0

    def note(self, change: Change, cluster: Cluster) -> None:
        """Mark what a change that was just applied makes worth looking at."""
        match change:
            case PutTask(task=task, kind=kind):
                self.mark(task.id, cluster.rosters[task.id].slots)
                if kind is EventKind.TASK_CHANGED and cluster.yielding is not None:
                    self.freed.update(cluster.nodes)  # it may yield to others from now on
                self.touched[task.id] = None
                self._note_moves(task.id, cluster)
            case ForgetTask(task_id=task_id):
                self._forget(task_id)
            case Assign(allocation=allocation):
                self.touched[allocation.task_id] = None
            case Adopt(allocation=allocation):
                self.touched[allocation.task_id] = None
                self.mark(allocation.task_id, (allocation.slot,))
                self._note_moves(allocation.task_id, cluster)
            case Unassign(allocation_id=allocation_id) | WriteOff(allocation_id=allocation_id):
                self._note_ending(cluster.allocations[allocation_id])
            case Record(allocation=allocation):
                self._note_report(allocation, cluster)
            case Wait(task_id=task_id):
                self.touched[task_id] = None  # the reason why it waits is seen as well
                self._note_moves(task_id, cluster)
            case PutNode(node=node):
                self._note_node(node, cluster)
            case ForgetNode(node_id=node_id):
                self.freed.add(node_id)
            case _:
                pass

    def _forget(self, task_id: TaskId) -> None:
        for marks in (self.slots, self.waiting):
            marks.pop(task_id, None)
        self.rolling.pop(task_id, None)
        self.stuck.pop(task_id, None)
        if task_id == self.moving:
            self.rolling[task_id] = None  # the next move is due
        self.touched.pop(task_id, None)

    def _note_ending(self, allocation: Allocation) -> None:
        self.touched[allocation.task_id] = None
        if allocation.ended:
            self.mark(allocation.task_id, (allocation.slot,))
            self._note_emptied(allocation)
            # A relief that was lost with its node: what it was to relieve needs another.
            self._note_moves(allocation.task_id, self._cluster)
        self._retry_stuck()

    def _retry_stuck(self) -> None:
        """There may be room for what could not leave a draining node, or its turn has come."""
        self.rolling.update(self.stuck)
        self.stuck = {}

    def _note_emptied(self, allocation: Allocation) -> None:
        if allocation.node_id in self._cluster.draining:
            self.emptied[allocation.node_id] = None

    def _note_report(self, allocation: Allocation, cluster: Cluster) -> None:
        self.touched[allocation.task_id] = None
        phase = allocation.observed.phase
        if phase.ended or phase is Phase.EXITED:
            self.mark(allocation.task_id, (allocation.slot,))
            self._note_room(allocation.node_id, cluster)
            self._note_emptied(allocation)
        elif cluster.reliefs:
            slot = cluster.slots(allocation.task_id)[allocation.slot]
            if slot.relief is not None:
                self.mark(allocation.task_id, (allocation.slot,))
        self._note_moves(allocation.task_id, cluster)

    def _note_moves(self, task_id: TaskId, cluster: Cluster) -> None:
        if cluster.draining or cluster.rosters[task_id].outdated or task_id == self.moving:
            self.rolling[task_id] = None

    def _note_room(self, node_id: NodeId, cluster: Cluster) -> None:
        """There may be room on the node: for those who wait, and for the updates of tasks of which some wait."""
        self.freed.add(node_id)
        self._retry_stuck()
        for task_id in self.waiting:
            if cluster.rosters[task_id].outdated:
                self.rolling[task_id] = None

    def _note_node(self, node: Node, cluster: Cluster) -> None:
        # Also where it takes no work now: those who wait are to read the present reason.
        self._note_room(node.id, cluster)
        if node.availability is Availability.DRAINING:
            self.mark_drain(node.id)
        for relief in map(cluster.allocations.__getitem__, cluster.reliefs):
            self.mark(relief.task_id, (relief.slot,))  # it may be for nothing now
