"""Views as a manager would send them, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cube.model.allocation import Health
from cube.model.event import EventKind
from cube.model.node import Availability, Condition
from cube.model.resources import NOTHING, Resources
from cube.model.spec import TaskSpec
from cube.model.task import Goal, TaskState
from cube.wire.views import AllocationView, EventView, NodeView, SlotView, TaskDetail

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def allocation(slot: int = 1, phase: str = "running", **changes: Any) -> AllocationView:
    """One stay of a slot of `web` on `w1`; a running one is ready."""
    generation = changes.pop("generation", 1)
    fields: dict[str, Any] = {
        "id": f"t-web.{slot}.{generation}",
        "task_id": "t-web",
        "name": f"web.{slot}",
        "slot": slot,
        "generation": generation,
        "node_id": "n-1",
        "node": "w1",
        "phase": phase,
        "wanted": "run",
        "reason": "",
        "health": Health.NONE,
        "ready": phase == "running",
        "restarts": 0,
    }
    return AllocationView(**{**fields, **changes})


def waiting(slot: int = 1, reason: str = "no node fits: 1 lacks memory") -> SlotView:
    """A slot of `web` that has no place."""
    return SlotView(name=f"web.{slot}", slot=slot, reason=reason)


def task(*allocations: AllocationView, **changes: Any) -> TaskDetail:
    """The task `web` with these allocations; state and counts follow from them."""
    name = changes.get("name", "web")
    replicas = changes.get("replicas", max(1, len(allocations)))
    ready = sum(a.ready for a in allocations)
    fields: dict[str, Any] = {
        "id": f"t-{name}",
        "name": name,
        "state": TaskState.RUNNING if ready else TaskState.SCHEDULED,
        "reason": "",
        "goal": Goal.RUN,
        "revision": 1,
        "replicas": replicas,
        "ready": ready,
        "restarts": sum(a.restarts for a in allocations),
        "image": "nginx:1.27",
        "created_at": NOW - timedelta(minutes=3),
        "changed_at": NOW - timedelta(minutes=3),
        "spec": TaskSpec(name=name, image="nginx:1.27", replicas=replicas),
        "allocations": allocations,
    }
    return TaskDetail(**{**fields, **changes})


def node(name: str = "w1", **changes: Any) -> NodeView:
    """A ready machine with 4 cores and 8 GiB."""
    fields: dict[str, Any] = {
        "id": f"n-{name}",
        "name": name,
        "address": "10.0.0.1",
        "condition": Condition.READY,
        "availability": Availability.ACTIVE,
        "connected": True,
        "runtime": "docker",
        "runtime_error": "",
        "engine_version": "20.10.24",
        "cube_version": "0.1.0",
        "platform": "linux/amd64",
        "labels": {},
        "capacity": Resources(4000, 8 * 1024**3),
        "reserved": NOTHING,
        "extras": {},
        "extras_reserved_millis": {},
        "usage": None,
        "allocations": 0,
        "heard_ms_ago": 400,
        "joined_at": NOW,
    }
    return NodeView(**{**fields, **changes})


def event(revision: int, kind: EventKind = EventKind.TASK_CHANGED, **changes: Any) -> EventView:
    """One recorded change of `web`."""
    fields: dict[str, Any] = {"revision": revision, "at": NOW, "kind": kind, "task": "web"}
    return EventView(**{**fields, **changes})
