"""TaskEvent: one recorded change, the append-only story of the cluster."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cube.model.ids import NodeId, TaskId


class EventKind(StrEnum):
    """What happened. Named in the past tense; the part before the dot is the subject."""

    TASK_CREATED = "task.created"
    TASK_CHANGED = "task.changed"
    TASK_STOPPED = "task.stopped"
    TASK_ADOPTED = "task.adopted"  # put back on record after a loss, as its containers say
    TASK_STATE = "task.state"  # the derived state changed; the message gives the reason

    SLOT_WAITING = "slot.waiting"  # cannot be placed now, and why
    ALLOCATION_ASSIGNED = "allocation.assigned"
    ALLOCATION_ADOPTED = "allocation.adopted"  # likewise
    ALLOCATION_PULLING = "allocation.pulling"
    ALLOCATION_RUNNING = "allocation.running"
    ALLOCATION_HEALTH = "allocation.health"
    ALLOCATION_EXITED = "allocation.exited"
    ALLOCATION_COMPLETED = "allocation.completed"
    ALLOCATION_FAILED = "allocation.failed"
    ALLOCATION_STOPPING = "allocation.stopping"
    ALLOCATION_REMOVED = "allocation.removed"
    ALLOCATION_LOST = "allocation.lost"

    NODE_JOINED = "node.joined"
    NODE_RETURNED = "node.returned"
    NODE_SUSPECT = "node.suspect"
    NODE_LOST = "node.lost"
    NODE_QUARANTINED = "node.quarantined"  # two workers say to be it: both are refused
    NODE_RUNTIME_DOWN = "node.runtime_down"
    NODE_RUNTIME_UP = "node.runtime_up"
    NODE_CHANGED = "node.changed"
    NODE_DRAINED = "node.drained"  # nothing that runs is left on it
    NODE_REMOVED = "node.removed"
    MANAGER_HELD = "manager.held"  # replacing is held back: too many nodes lost at once
    MANAGER_RECOVERING = "manager.recovering"  # the ledger was put back: what runs is put on record
    MANAGER_RECOVERED = "manager.recovered"


class TaskEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One change of a task, slot, allocation or node: what, when, why. `revision` grows by one each."""

    revision: int
    at_ms: int
    kind: EventKind
    task_id: TaskId | None = None
    task: str = ""  # its name
    slot: int = 0
    generation: int = 0
    node_id: NodeId | None = None
    node: str = ""  # its name
    message: str = ""
    code: str = ""  # for programs: a failure kind, a filter's name, a state
