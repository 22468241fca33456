"""What the HTTP API shows of placing: why a replica is where it is, what a change would do, which moves would pay."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cube.model.resources import NOTHING, Resources
from cube.model.spec import TaskSpec
from cube.model.task import TaskState


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
