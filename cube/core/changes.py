"""The alphabet of plans. A plan is a list of these: it can be printed, compared and tested before anything happens."""

from __future__ import annotations

import msgspec

from cube.model.allocation import Allocation, Observed
from cube.model.event import EventKind
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.lineage import Lineage
from cube.model.node import Node
from cube.model.task import Task


class PutTask(msgspec.Struct, frozen=True):
    """A user's wish: a new task, or a new revision of one."""

    task: Task
    kind: EventKind
    message: str = ""


class ForgetTask(msgspec.Struct, frozen=True):
    """Drop a stopped task and what is left of its allocations. Its events stay."""

    task_id: TaskId


class Assign(msgspec.Struct, frozen=True):
    """Give a slot its next stay. The allocation is new and of the next generation."""

    allocation: Allocation
    why: str = ""  # this node and no other, in a phrase


class Adopt(msgspec.Struct, frozen=True):
    """Put an allocation on record that a worker was found to run."""

    allocation: Allocation


class PutLineage(msgspec.Struct, frozen=True):
    """Begin or end the recovery of what the ledger lost."""

    lineage: Lineage
    kind: EventKind
    message: str = ""


class Unassign(msgspec.Struct, frozen=True):
    """Order an allocation's containers away. Never taken back. `displaced_by`: for which it has to leave."""

    allocation_id: AllocationId
    why: str
    displaced_by: AllocationId | None = None


class WriteOff(msgspec.Struct, frozen=True):
    """Give up an allocation with its node; what the worker says of it later changes nothing."""

    allocation_id: AllocationId
    why: str


class Record(msgspec.Struct, frozen=True):
    """Take down what the worker observed; already judged to be news by `lifecycle.observe`."""

    allocation: Allocation
    before: Observed


class ForgetAllocation(msgspec.Struct, frozen=True):
    """Drop the record of an allocation of which nothing is left and that has a successor."""

    allocation_id: AllocationId


class Wait(msgspec.Struct, frozen=True):
    """These slots have no place now. `codes` name the filters that refused, for programs.

    Not `told` where the story has it already: a restarted manager finds the same slots waiting.
    """

    task_id: TaskId
    slots: tuple[int, ...]
    why: str
    codes: tuple[str, ...] = ()
    told: bool = True


class Avoid(msgspec.Struct, frozen=True):
    """Do not place this slot on that node before `until` (monotonic seconds). Kept in memory only."""

    task_id: TaskId
    slot: int
    node_id: NodeId
    until: float
    why: str


class PutNode(msgspec.Struct, frozen=True):
    """A node as it now stands. `kind` None: nothing people need to read about."""

    node: Node
    kind: EventKind | None
    message: str = ""


class PutImages(msgspec.Struct, frozen=True):
    """The images that a node has, by its worker's word. Kept in memory only."""

    node_id: NodeId
    images: tuple[str, ...]


class ForgetNode(msgspec.Struct, frozen=True):
    """Drop a node that holds nothing any more."""

    node_id: NodeId


class Announce(msgspec.Struct, frozen=True):
    """Nothing changes but the story."""

    kind: EventKind
    message: str
    task_id: TaskId | None = None
    code: str = ""


Change = (
    PutTask
    | ForgetTask
    | Assign
    | Adopt
    | PutLineage
    | Unassign
    | WriteOff
    | Record
    | ForgetAllocation
    | Wait
    | Avoid
    | PutNode
    | PutImages
    | ForgetNode
    | Announce
)
