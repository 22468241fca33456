"""What `GET /watch` sends: a snapshot in parts, and then every change, each as one server-sent event.

The names of the events are in `WatchKind`, their data are the structs here or views of `cube.wire.views`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cube.model.concern import Concern
from cube.wire.views import EventView, NodeView, TaskView

SLOTS_SHOWN = 100
"""Slots in one view of a task: what a person can look through, and 50 kB."""


class WatchKind(StrEnum):
    """The `event:` of each message."""

    RESYNC = "resync"  # what was seen before is worth nothing: a snapshot follows
    SNAPSHOT = "snapshot"
    TASK = "task"
    TASK_GONE = "task.gone"
    NODE = "node"
    NODE_GONE = "node.gone"
    ATTENTION = "attention"
    EVENT = "event"
    SKIPPED = "skipped"  # events that are only in the history
    BEAT = "beat"


class AttentionView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, the worst first; the counts are of all, `concerns` is cut after a hundred."""

    errors: int
    warnings: int
    notices: int
    concerns: tuple[Concern, ...]


class WatchedTask(TaskView, frozen=True, kw_only=True):
    """A task with its slots. Of very many slots those that are not ready come first, and the rest is left out."""

    left_out: int = 0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of everything there is. Nodes and tasks come in any part, what needs attention and events in the last."""

    part: int
    parts: int
    cluster_id: str
    revision: int
    at: datetime
    nodes: tuple[NodeView, ...] = ()
    attention: AttentionView | None = None
    events: tuple[EventView, ...] = ()  # the newest, oldest first
    tasks: tuple[WatchedTask, ...] = ()


class Gone(msgspec.Struct, frozen=True):
    """A task or node that is not there any more."""

    id: str


class Skipped(msgspec.Struct, frozen=True):
    """So many events came at once that only the newest are sent; all are in `GET /event`."""

    events: int


class Beat(msgspec.Struct, frozen=True):
    """The manager lives: sent every second, so that what is seen can be called stale when it does not come."""

    at: datetime
    revision: int


class Resync(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why following cannot go on from where it was."""

    reason: str
    oldest: int | None = None  # of `/event`: the revision that it begins with instead
