"""A move: one replica that would be placed elsewhere if it were placed today."""

from __future__ import annotations

import msgspec

from cube.model.ids import AllocationId, NodeId, TaskId


class Move(msgspec.Struct, frozen=True):
    """One replica from one node to another; `gain` is by how much the term named in `code` gets better."""

    task_id: TaskId
    slot: int
    allocation_id: AllocationId
    origin: NodeId
    target: NodeId
    code: str
    gain: float
    reason: str
