"""What the manager tells a worker to do. An order names its allocation; silence orders nothing."""

from __future__ import annotations

import msgspec

from cube.model.extras import Share
from cube.model.ids import AllocationId, TaskId
from cube.model.spec import TaskSpec


class Run(msgspec.Struct, frozen=True, tag="run", gc=False, kw_only=True):
    """Run this allocation and keep it running by its own restart policy. Repeats are harmless."""

    id: AllocationId
    task_id: TaskId
    slot: int
    generation: int
    spec: TaskSpec
    devices: tuple[Share, ...] = ()
    first_restart: int = 0
    """One more than the newest run known to have had a container: where a worker that finds none goes on."""
    runs_over: int = 0
    """How many runs are over on record. A worker that knows of fewer goes on from `first_restart`: what it says of
    them would be taken for old news."""


class Remove(msgspec.Struct, frozen=True, tag="remove", gc=False, kw_only=True):
    """Stop the allocation if it runs, remove its containers, report REMOVED; also when nothing of it is there."""

    id: AllocationId
    reason: str


Order = Run | Remove


class Holding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An allocation that a worker has containers or orders of, told when it connects."""

    id: AllocationId
    restart: int = 0
