"""The state of the cluster at one revision, with the indexes that decisions need.

Invariants (asserted by `core.invariants`):
- `apply` is the only writer; every change is in `writes` until it is taken, with its events;
- an index never disagrees with the records it is made from;
- what the `Inventory` holds on a node is the sum over the allocations that reserve there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from msgspec.structs import replace

from cube.core import story
from cube.core.changes import (
    Adopt,
    Announce,
    Assign,
    Avoid,
    Change,
    ForgetAllocation,
    ForgetNode,
    ForgetTask,
    PutImages,
    PutLineage,
    PutNode,
    PutTask,
    Record,
    Unassign,
    Wait,
    WriteOff,
)
from cube.core.effects import Snapshot, Writes
from cube.core.lifecycle import noteworthy
from cube.core.roster import UNPLACED, Roster, Slot, Standing
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.yielding import NO_PRIORITY, Yielding
from cube.model.allocation import Allocation, Phase, Wanted
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Availability, Node
from cube.model.resources import Resources
from cube.model.task import Goal, Task


class Cluster:
    """Tasks, allocations and nodes, and what follows from them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.id = snapshot.cluster_id
        self.lineage = snapshot.lineage
        self.revision = max(snapshot.revision, self.lineage.revision)
        self.tasks: dict[TaskId, Task] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.allocations: dict[AllocationId, Allocation] = {}
        self.names_version = 0  # grows whenever a node comes, goes or has another name
        self.rosters: dict[TaskId, Roster] = {}
        self.inventory = Inventory()
        self.draining: set[NodeId] = set()  # the nodes that are to be emptied
        self.awaiting: dict[AllocationId, None] = {}  # live, placed where others have to go first
        self.reliefs: dict[AllocationId, None] = {}  # stand by to take over from others
        self.yielding: Yielding | None = None  # kept while any task may displace others
        self._on_node: dict[NodeId, set[AllocationId]] = {}
        self._names: dict[str, TaskId] = {}
        self._preempting: set[TaskId] = set()
        self._writes = Writes()
        for node in snapshot.nodes:
            self._put_node(node)
        for task in sorted(snapshot.tasks, key=lambda task: (task.created_ms, task.id)):
            self._put_task(task)
        for allocation in sorted(snapshot.allocations, key=lambda one: one.generation):
            self._put_allocation(allocation)
        for roster in self.rosters.values():
            for slot in roster.slots.values():
                if slot.standing is Standing.VACANT and slot.latest is None:
                    slot.waiting = UNPLACED

    # -- reading ----------------------------------------------------------------------------------------------

    def named(self, name: str) -> Task | None:
        """Return the task of that name: the one that is to run, else the one stopped last."""
        task_id = self._names.get(name)
        return self.tasks[task_id] if task_id else None

    def slots(self, task_id: TaskId) -> dict[int, Slot]:
        """Return the slots of a task by number; also those scaled away, whose numbers must not start anew."""
        return self.rosters[task_id].slots

    def on_node(self, node_id: NodeId) -> Collection[AllocationId]:
        """Return the allocations placed on the node of which something may be left there."""
        return self._on_node[node_id]

    def reserved(self, node_id: NodeId) -> Resources:
        """Return what is reserved on the node."""
        return self.inventory.reserved(self.inventory.row(node_id))

    def extras_reserved(self, node_id: NodeId) -> dict[str, int]:
        """Return the thousandths of devices that are reserved on the node, by kind; kinds without any are left out."""
        held: Counter[str] = Counter()
        for (extra, _), millis in self.inventory.devices_on(self.inventory.row(node_id)).items():
            held[extra] += millis
        return dict(held)

    def awaited(self, allocation: Allocation) -> list[Allocation]:
        """Return those whose room it is to have and that still hold it: until there are none it must not start."""
        if not allocation.awaits or allocation.observed.phase is not Phase.ASSIGNED:
            return []
        known = (self.allocations.get(one) for one in allocation.awaits)
        return [one for one in known if one is not None and one.reserves]

    def priority_of(self, allocation: Allocation) -> int:
        """Return below which priority it is not displaced; NO_PRIORITY for one that goes anyway."""
        if allocation.vacating:
            return NO_PRIORITY
        return self.tasks[allocation.task_id].spec.priority

    def take_writes(self) -> Writes:
        """Return what changed since the last call, as one transaction."""
        writes, self._writes = self._writes, Writes()
        return writes

    # -- writing ----------------------------------------------------------------------------------------------

    def apply(self, change: Change, wall_ms: int) -> None:
        """Make the change, its record and its event."""
        match change:
            case Assign(allocation=allocation):
                self._rewrite(replace(allocation, revision=self.revision + 1))
                self.inventory.chosen(allocation.node_id, self.revision + 1)
            case Record(allocation=allocation, before=seen):
                self._put_allocation(allocation)
                if noteworthy(seen, allocation.observed):
                    self._writes.allocations[allocation.id] = allocation
            case PutTask(task=task, kind=kind):
                if kind is not EventKind.TASK_ADOPTED:
                    task = replace(task, changed_revision=self.revision + 1)
                self._put_task(task)
                self._writes.tasks[task.id] = task
            case Adopt(allocation=allocation):
                self._rewrite(allocation)
            case PutLineage(lineage=lineage):
                self.lineage = self._writes.lineage = lineage
                self.revision = max(self.revision, lineage.revision)
            case Unassign(allocation_id=allocation_id, why=why, displaced_by=displaced_by):
                before = self.allocations[allocation_id]
                after = replace(before, wanted=Wanted.REMOVE, why_removed=why)
                self._rewrite(replace(after, displaced_by=displaced_by))
            case WriteOff(allocation_id=allocation_id, why=why):
                self._rewrite(replace(self.allocations[allocation_id], lost=True, why_removed=why))
            case ForgetAllocation(allocation_id=allocation_id):
                self._drop_allocation(allocation_id)
                self._writes.allocations[allocation_id] = None
            case Wait(task_id=task_id, slots=numbers, why=why, codes=codes):
                self.rosters[task_id].version += 1
                self.rosters[task_id].refused_by = codes
                for number in numbers:
                    self.rosters[task_id].slot(number).waiting = why
            case Avoid():
                slot = self.rosters[change.task_id].slot(change.slot)
                slot.avoid_node(change.node_id, change.until, change.why)
            case PutNode(node=node):
                self._put_node(node)
                self._writes.nodes[node.id] = node
            case PutImages(node_id=node_id, images=images):
                self.inventory.images.put(self.inventory.row(node_id), images)
            case ForgetNode(node_id=node_id):
                self._drop_node(node_id)
                self._writes.nodes[node_id] = None
            case ForgetTask(task_id=task_id):
                self._drop_task(task_id)
                self._writes.tasks[task_id] = None
            case Announce():
                pass
        if event := story.tell(change, self, wall_ms):
            self.revision = event.revision
            self._writes.events.append(event)

    def _rewrite(self, allocation: Allocation) -> None:
        self._put_allocation(allocation)
        self._writes.allocations[allocation.id] = allocation

    def _put_task(self, task: Task) -> None:
        before = self.tasks.get(task.id)
        self.tasks[task.id] = task
        self._note_priority(before, task)
        holder = self.named(task.name)
        if holder is None or holder.goal is Goal.STOP or task.goal is Goal.RUN:
            self._names[task.name] = task.id
        roster = self.rosters.get(task.id)
        if roster is None:
            roster = self.rosters[task.id] = Roster()
        roster.version += 1
        for number in range(1, task.wanted_slots + 1):
            roster.slot(number)
        for slot in roster.slots.values():
            roster.recount(slot, task)

    def _note_priority(self, before: Task | None, task: Task) -> None:
        """Count anew what could yield to whom where that is asked for and this task changes it."""
        if task.spec.preempt and task.goal is Goal.RUN:
            self._preempting.add(task.id)
        else:
            self._preempting.discard(task.id)
        another = before is not None and before.spec.priority != task.spec.priority
        if bool(self._preempting) == (self.yielding is not None) and not another:
            return
        self.yielding = Yielding() if self._preempting else None
        for allocation in self.allocations.values() if self._preempting else ():
            if allocation.reserves and allocation.node_id in self.nodes:
                self._note_yielding(allocation, 1)

    def _note_yielding(self, allocation: Allocation, sign: int) -> None:
        if self.yielding is not None:
            row, priority = self.inventory.row(allocation.node_id), self.priority_of(allocation)
            self.yielding.add(row, priority, allocation.demand, sign)

    def _drop_task(self, task_id: TaskId) -> None:
        for slot in self.rosters[task_id].slots.values():
            self._note_relief(slot.relief, None)
            for allocation in slot.every:
                self._unlink(self.allocations.pop(allocation.id))
                self._writes.allocations[allocation.id] = None
        del self.rosters[task_id]
        task = self.tasks.pop(task_id)
        if self._names.get(task.name) == task_id:
            del self._names[task.name]

    def _put_node(self, node: Node) -> None:
        before = self.nodes.get(node.id)
        self.nodes[node.id] = node
        self.names_version += before is None or before.name != node.name
        if node.availability is Availability.DRAINING:
            self.draining.add(node.id)
        else:
            self.draining.discard(node.id)
        self.inventory.put(node)
        if before is None:
            # One that was forgotten before may come back with what it held.
            for allocation_id in self._on_node.setdefault(node.id, set()):
                if self.allocations[allocation_id].reserves:
                    self._hold(self.allocations[allocation_id])

    def _drop_node(self, node_id: NodeId) -> None:
        self.draining.discard(node_id)
        self.names_version += 1
        del self.nodes[node_id]
        if self.yielding is not None:
            self.yielding.forget(self.inventory.row(node_id))
        self.inventory.drop(node_id)

    def _put_allocation(self, allocation: Allocation) -> None:
        """Replace the record and move every index from how it stood to how it stands."""
        before = self.allocations.get(allocation.id)
        if (
            before is None
            or before.reserves != allocation.reserves
            or before.gone != allocation.gone
            or before.wanted is not allocation.wanted
            or before.lost != allocation.lost
        ):
            if before is not None:
                self._unlink(before)
            self._link(allocation)
        self.allocations[allocation.id] = allocation
        if allocation.awaits:
            self._note_awaiting(allocation)
        roster = self.rosters[allocation.task_id]
        roster.version += 1
        roster.present += _present(allocation) - (before is not None and _present(before))
        slot = roster.slot(allocation.slot)
        former = slot.relief
        slot.put(allocation)
        if former is not slot.relief:
            self._note_relief(former, slot.relief)
        if slot.latest is allocation or allocation.relieves or slot.relief is not former:
            roster.recount(slot, self.tasks[allocation.task_id])

    def _note_relief(self, former: Allocation | None, relief: Allocation | None) -> None:
        if former is not None:
            self.reliefs.pop(former.id, None)
        if relief is not None:
            self.reliefs[relief.id] = None

    def _note_awaiting(self, allocation: Allocation) -> None:
        if allocation.live and allocation.observed.phase is Phase.ASSIGNED:
            self.awaiting[allocation.id] = None
        else:
            self.awaiting.pop(allocation.id, None)

    def _link(self, allocation: Allocation) -> None:
        # Also of a node that was forgotten: should it come back, what it held is there with it.
        if not allocation.gone:
            self._on_node.setdefault(allocation.node_id, set()).add(allocation.id)
        if allocation.reserves and allocation.node_id in self.nodes:
            self._hold(allocation)

    def _unlink(self, allocation: Allocation) -> None:
        on_node = self._on_node.setdefault(allocation.node_id, set())
        on_node.discard(allocation.id)
        if not on_node and allocation.node_id not in self.nodes:
            del self._on_node[allocation.node_id]
        if allocation.reserves and allocation.node_id in self.nodes:
            self.inventory.let_go(*allocation.holding)
            self._note_yielding(allocation, -1)

    def _hold(self, allocation: Allocation) -> None:
        self.inventory.hold(*allocation.holding)
        self._note_yielding(allocation, 1)

    def _drop_allocation(self, allocation_id: AllocationId) -> None:
        allocation = self.allocations.pop(allocation_id)
        self._unlink(allocation)
        roster = self.rosters[allocation.task_id]
        roster.version += 1
        roster.present -= _present(allocation)
        roster.slots[allocation.slot].forget(allocation_id)


def _present(allocation: Allocation) -> bool:
    return not allocation.gone and not allocation.lost
