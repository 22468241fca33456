"""What the manager tells a worker to do. An order names its allocation; silence orders nothing."""

from __future__ import annotations

import msgspec

from cube.model.allocation import Observed
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
    """How many runs are over on record, or are being stopped. A worker that knows of fewer goes on from
    `first_restart`: what it says of them would be taken for old news."""
    revision: int = 0  # at which it was assigned: the journal of a ledger that may be lost


class Remove(msgspec.Struct, frozen=True, tag="remove", gc=False, kw_only=True):
    """Stop the allocation if it runs, remove its containers, report REMOVED; also when nothing of it is there."""

    id: AllocationId
    reason: str


class Describe(msgspec.Struct, frozen=True, tag="describe", gc=False):
    """Tell what is known of the allocation (`Description`): the ledger has lost it. Changes nothing."""

    id: AllocationId


Order = Run | Remove | Describe


class Holding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An allocation that a worker has containers or orders of, told when it connects."""

    id: AllocationId
    restart: int = 0
    revision: int = 0  # at which it was assigned


class Description(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All that a worker knows of an allocation: enough to put it back on record."""

    id: AllocationId
    revision: int
    spec: TaskSpec
    observed: Observed
    devices: tuple[Share, ...] = ()
