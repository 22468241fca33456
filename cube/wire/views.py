"""What the HTTP API shows: the stored state with what is derived from it. Encoded as snake_case JSON.

Amounts are integers with the unit in the name; times are RFC 3339 in UTC. Fields are only ever added.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cube.errors import Objection
from cube.model.allocation import Failure, Health, PortBinding, Timings
from cube.model.event import EventKind
from cube.model.node import Availability, Condition, Usage
from cube.model.resources import Resources
from cube.model.spec import TaskSpec
from cube.model.task import Goal, TaskState


class ExitView(msgspec.Struct, frozen=True, kw_only=True):
    """How a container ended."""

    code: int
    signal: str | None = None
    out_of_memory: bool = False


class AllocationView(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of a slot on a node."""

    id: str
    task_id: str
    name: str  # "web.2"
    slot: int
    generation: int
    node_id: str
    node: str
    phase: str  # lower case name of the phase; "lost" when its node was given up
    wanted: str
    reason: str  # one line
    health: Health
    ready: bool
    restarts: int
    container_id: str | None = None
    address: str | None = None
    ports: tuple[PortBinding, ...] = ()
    exit: ExitView | None = None
    failure: Failure | None = None
    timings: Timings | None = None
    assigned_at: datetime | None = None
    started_at: datetime | None = None
    observed_at: datetime | None = None


class SlotView(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that has no live allocation, and why."""

    name: str
    slot: int
    reason: str


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its derived state and its slots."""

    id: str
    name: str
    state: TaskState
    reason: str
    goal: Goal
    revision: int
    replicas: int
    ready: int
    restarts: int
    image: str
    created_at: datetime
    changed_at: datetime
    spec: TaskSpec
    allocations: tuple[AllocationView, ...] = ()
    waiting: tuple[SlotView, ...] = ()


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded change."""

    revision: int
    at: datetime
    kind: EventKind
    message: str = ""
    code: str = ""
    task_id: str | None = None
    task: str | None = None
    slot: int | None = None
    generation: int | None = None
    node_id: str | None = None
    node: str | None = None


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, what is reserved on it and what it uses."""

    id: str
    name: str
    address: str
    condition: Condition
    availability: Availability
    connected: bool
    runtime: str
    runtime_error: str
    quarantine: str = ""
    engine_version: str
    cube_version: str
    platform: str
    labels: dict[str, str]
    capacity: Resources
    reserved: Resources
    extras: dict[str, int]
    extras_reserved_millis: dict[str, int]
    usage: Usage | None
    allocations: int
    heard_ms_ago: int | None
    joined_at: datetime


class LeaverView(msgspec.Struct, frozen=True, kw_only=True):
    """One replica that is still on a draining node."""

    name: str  # "web.2"
    task_id: str
    allocation_id: str
    step: str  # stopping, relieved (another gets ready to take over), queued, blocked
    reason: str = ""
    hint: str = ""
    relief: AllocationView | None = None  # which takes over from it


class DrainView(msgspec.Struct, frozen=True, kw_only=True):
    """How far the draining of a node has come. `ended_at`: since when nothing that runs is left on it."""

    node_id: str
    node: str
    availability: Availability
    began_at: datetime | None = None
    deadline_at: datetime | None = None  # what is left then is stopped
    ended_at: datetime | None = None
    left: tuple[LeaverView, ...] = ()


class TaskDetail(TaskView, frozen=True, kw_only=True):
    """`GET /task/{id}`: the task with its recent events, newest last."""

    events: tuple[EventView, ...] = ()


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """A whole copy of the ledger, on the manager's machine."""

    path: str
    revision: int
    bytes: int
    at: datetime


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one task of a bulk POST."""

    status: int
    task: TaskView | None = None
    problem: Problem | None = None


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `GET /task/{id}/logs` (newline-delimited JSON). `warning` is set instead of `text` where a
    part of the log cannot be had; `lost` where it cannot be had any more."""

    name: str  # "web.2"
    node: str
    at_ns: int = 0
    stream: str = "stdout"
    text: str = ""
    partial: bool = False
    generation: int = 1
    restart: int = 0
    warning: str = ""
    lost: bool = False


class NodeState(StrEnum):
    """What nodes can be asked for by: the words of their condition and of their availability."""

    READY = "ready"
    SUSPECT = "suspect"
    LOST = "lost"
    ACTIVE = "active"
    CORDONED = "cordoned"
    DRAINING = "draining"


class Replicas(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /task/{ref}/scale`: how many are to run."""

    replicas: int


class StatusView(msgspec.Struct, frozen=True):
    """`/healthz` and `/readyz`: one word."""

    status: str


class AllocationUsageView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the container of one slot uses now; a limit of 0 is none."""

    id: str
    name: str  # "web.2"
    cpu_millis: int
    memory_bytes: int
    memory_limit_bytes: int


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /usage`: what runs uses. `silent`: nodes that did not tell."""

    at: datetime
    allocations: tuple[AllocationUsageView, ...] = ()
    silent: tuple[str, ...] = ()


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers."""

    version: str
    protocol: int
    cluster_id: str


class StatsView(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is, and how busy the manager is."""

    revision: int
    tasks: int
    allocations: int
    nodes: int
    nodes_ready: int
    sessions: int  # workers connected
    followers: int  # clients that follow events
    watchers: int  # clients that watch everything
    streams: int  # logs being carried
    decisions_in_flight: int  # made and not recorded yet
    replicas_running: int  # slots whose container runs
    replicas_waiting: int  # slots that have no node
    loop_lag_ms: float  # of the last minute: how late the manager was, 99 times of 100 not later
    loop_lag_max_ms: float


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    errors: tuple[Objection, ...] = ()
    request_id: str = ""  # by which the manager's log has it
