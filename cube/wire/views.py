"""What the HTTP API shows: the stored state with what is derived from it. Encoded as snake_case JSON.

Amounts are integers with the unit in the name; times are RFC 3339 in UTC. Fields are only ever added.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from cube.errors import Objection
from cube.model.allocation import Failure, Health, PortBinding, Timings
from cube.model.event import EventKind
from cube.model.node import Availability, Condition, Usage
from cube.model.resources import NOTHING, Resources
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


class NodeVerdictView(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How one node stands towards one more replica: its place among those that fit, or why it is none of them."""

    node: str
    node_id: str
    place: int = 0  # 1 would be chosen; 0: refused
    scores: dict[str, float | None] = {}  # by term, the first that differs decides, less is better
    code: str = ""  # which filter refused: resources, constraints, host_ports, …
    reason: str = ""
    about: str = ""  # the constraint, the ports, the resources that it was for
    short: Resources = NOTHING  # how much is missing
    extras_short_millis: dict[str, int] = {}


class RemedyView(msgspec.Struct, frozen=True, kw_only=True):
    """One change that would be enough by itself for `nodes` to take the replica."""

    code: str
    message: str
    nodes: int


class PictureView(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes towards the next allocation of these slots; what they hold themselves counts as free."""

    slots: tuple[int, ...]
    chosen: str | None = None  # the node that would be chosen now
    why_chosen: str = ""
    reason: str = ""  # why none would
    nearest: str | None = None  # the node that misses by least
    nodes: tuple[NodeVerdictView, ...]
    remedies: tuple[RemedyView, ...] = ()


class SlotWhyView(msgspec.Struct, frozen=True, kw_only=True):
    """One slot: where it is and what hinders it. `code`: unplaceable, running, restarting, …"""

    name: str
    slot: int
    code: str
    reason: str
    node: str | None = None
    node_id: str | None = None
    assigned_at: datetime | None = None
    restarts: int = 0
    chosen_then: str = ""  # why its node was chosen, as recorded
    place_now: int | None = None  # of its node, were it placed again; 0: it would not take it


class WhyView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /task/{ref}/explain`: why a task runs where it runs, or does not run."""

    task_id: str
    task: str
    state: TaskState
    strategy: str
    answer: str  # in one sentence
    waits: bool  # a slot has no place, and no node takes it now
    slots: tuple[SlotWhyView, ...]
    pictures: tuple[PictureView, ...]
    left_out: tuple[int, ...] = ()  # slots without a picture; ask for one with ?slot=


class FieldChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the spec that would change; null: it is not there."""

    path: str
    before: Any
    after: Any


class SlotPlanView(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one slot: create, replace, hold, remove or keep."""

    name: str
    slot: int
    action: str
    step: int  # slots of one step change at once, one step after the other; 0: it does not change
    before: str | None = None  # the node where it is
    after: str | None = None  # the node where it would be
    reason: str = ""  # why it finds no place, or is held, or whom it displaces
    codes: tuple[str, ...] = ()
    displaces: tuple[str, ...] = ()  # the slots that would have to go for it, by name


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """`PUT /task/{name}?dry_run=1`: what that would change. Nothing was changed."""

    task: str
    revision: int  # at which the task is now, for If-Match; 0: there is none
    new: bool
    changed: bool
    fits: bool
    spec: TaskSpec  # as it would be, defaults and all
    fields: tuple[FieldChangeView, ...] = ()
    slots: tuple[SlotPlanView, ...] = ()


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
    part of the log cannot be had."""

    name: str  # "web.2"
    node: str
    at_ns: int = 0
    stream: str = "stdout"
    text: str = ""
    partial: bool = False
    restart: int = 0
    warning: str = ""


class MoveView(msgspec.Struct, frozen=True, kw_only=True):
    """One replica that would be placed elsewhere today. `code` names what gets better, `gain` by how much."""

    name: str  # "web.2"
    task_id: str
    slot: int
    origin: str  # the nodes' names
    target: str
    code: str
    gain: float
    reason: str


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
