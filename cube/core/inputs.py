"""Everything the manager's core can be told. One `handle(input, now)` takes them all, so that a recorded list of
inputs replays a history.
"""

from __future__ import annotations

import msgspec

from cube.model.allocation import Observed
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.node import Availability, Facts, Usage
from cube.model.orders import Description, Holding
from cube.model.spec import TaskSpec

# `if_revision`: what is wished for only while the task is at that revision; None: at any.


class Submit(msgspec.Struct, frozen=True, tag=True):
    """Create the task, or start again the stopped one with this id. Same id and spec as a running one: no change."""

    task_id: TaskId
    spec: TaskSpec


class Apply(msgspec.Struct, frozen=True, tag=True):
    """Make the task named in the spec be as the spec says; `task_id` is for the case that there is none yet."""

    task_id: TaskId
    spec: TaskSpec
    if_revision: int | None = None


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Stop the task and remove its containers. Stopping what is stopped is success."""

    task_id: TaskId
    why: str = "stopped by the user"
    if_revision: int | None = None


class Scale(msgspec.Struct, frozen=True, tag=True):
    """Change the number of replicas only."""

    task_id: TaskId
    replicas: int
    if_revision: int | None = None


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Replace every container of the task, one after the other."""

    task_id: TaskId
    if_revision: int | None = None


class Rollback(msgspec.Struct, frozen=True, tag=True):
    """Give the task the spec that it had before its last change by `Apply`."""

    task_id: TaskId
    if_revision: int | None = None


class SetAvailability(msgspec.Struct, frozen=True, tag=True):
    """Cordon, drain or reopen a node.

    `patience`: after how many seconds what could not move is stopped anyway; None: never. Draining a draining node
    with another patience counts anew.
    """

    node_id: NodeId
    availability: Availability
    patience: float | None = None


class Rebalance(msgspec.Struct, frozen=True, tag=True):
    """Move replicas to where they would be placed today, one by one. Moves asked for before and not begun are dropped.

    `include_single`: also those of tasks that have no other replica, which are down meanwhile.
    """

    max_moves: int
    include_single: bool = False


class RemoveNode(msgspec.Struct, frozen=True, tag=True):
    """Forget a node that is not connected. `force`: also one that slots with volumes wait for."""

    node_id: NodeId
    force: bool = False


class Connect(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A worker said hello. `blind`: what it holds is not known yet; `incarnation`: which process it is.

    `images` are those it has, by name; the most useful first where there are very many.
    """

    node_id: NodeId
    cluster_id: str
    facts: Facts
    incarnation: str = ""
    holding: tuple[Holding, ...] = ()
    blind: bool = False
    runtime_error: str = ""
    images: tuple[str, ...] = ()


class Disconnect(msgspec.Struct, frozen=True, tag=True):
    """The session's connection closed. No verdict on the node: its lease decides."""

    node_id: NodeId
    epoch: int


class Renew(msgspec.Struct, frozen=True, tag=True):
    """A lease was received. `images` are told where they are others than before; None: as they were."""

    node_id: NodeId
    epoch: int
    runtime_error: str = ""
    usage: Usage | None = None
    images: tuple[str, ...] | None = None


class Observe(msgspec.Struct, frozen=True, tag=True):
    """Observations were received."""

    node_id: NodeId
    epoch: int
    reports: tuple[tuple[AllocationId, Observed], ...]


class Described(msgspec.Struct, frozen=True, tag=True):
    """A worker told what it knows of allocations that it was asked about."""

    node_id: NodeId
    epoch: int
    allocations: tuple[Description, ...]


class EndRecovery(msgspec.Struct, frozen=True, tag=True):
    """No more workers are to be expected: go on with what is on record. Where nothing recovers: no change."""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Time has passed, or the core asked to go on planning.

    Nodes are judged by this input alone, as of `heard_until`: what had arrived by then (monotonic seconds) was handed
    in. None: all of it, up to now.
    """

    heard_until: float | None = None


Input = (
    Submit
    | Apply
    | Stop
    | Scale
    | Restart
    | Rollback
    | SetAvailability
    | Rebalance
    | RemoveNode
    | Connect
    | Disconnect
    | Renew
    | Observe
    | Described
    | EndRecovery
    | Tick
)
