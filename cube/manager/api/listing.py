"""How tasks stand: all of them in pages, one of them in full, its history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from heapq import nsmallest

from aiohttp import web

from cube.core.summary import state_of
from cube.errors import InvalidInput, Objection
from cube.manager.decider import Decider
from cube.manager.doors import Core, History
from cube.manager.encoded import EncodedTasks
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_node, find_task
from cube.manager.replies import json_response
from cube.manager.views import event_view, task_detail, task_view
from cube.model.ids import NodeId, TaskId
from cube.model.task import Task, TaskState
from cube.wire.routes import TASKS
from cube.wire.views import TaskView

RECENT_EVENTS = 20
EVENTS_MOST = 1_000
TASKS_MOST = 10_000
AT_ONCE_SECONDS = 0.01  # in which nobody else gets a turn
TASKS_AT_ONCE = 20  # between two looks at the clock
NEXT_CURSOR = "X-Next-Cursor"

Wanted = Callable[[Task], bool]


class TaskListing:
    """`GET /task` and below. Nothing is shown that is not recorded."""

    def __init__(self, decider: Decider, history: History) -> None:
        self._decider = decider
        self._history = history
        self._encoded = EncodedTasks()

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            route
            for root in TASKS
            for route in (
                web.get(root, self.all),
                web.get(f"{root}/{{ref}}", self.one),
                web.get(f"{root}/{{ref}}/events", self.events),
            )
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show the tasks that fit, oldest first, page by page."""
        query = Query(request)
        state, label = _state(query.text("state")), query.text("label")
        node = query.reference("node")
        limit = query.integer("limit", most=TASKS_MOST) or TASKS_MOST
        after = _cursor(query.text("cursor"))
        query.end()

        def look(core: Core) -> list[Task]:
            wanted = _selection(core, state, node, label)
            # A page is cut by place in a lasting order, so tasks that come or go in between shift nothing.
            fitting = [
                task
                for task in core.cluster.tasks.values()
                if _place(task) > after and wanted(task)
            ]
            return nsmallest(limit + 1, fitting, key=_place)

        found = await self._decider.read(look)
        more = {NEXT_CURSOR: _cursor_text(found[limit - 1])} if len(found) > limit else {}
        body = await self._encode([task.id for task in found[:limit]])
        return web.Response(body=body, content_type="application/json", headers=more)

    async def one(self, request: web.Request) -> web.Response:
        """Show one task with its newest events."""
        found = reference(request)

        task_id = await self._decider.read(lambda core: find_task(core.cluster, found).id)
        # The events first: who follows goes on behind the last of them, and must not have an older view.
        events = await self._history.events(newest=True, limit=RECENT_EVENTS, task_id=task_id)

        def look(core: Core) -> TaskView:
            task = find_task(core.cluster, task_id)
            return task_view(task, core.cluster, self._decider.now().wall_ms)

        view = await self._decider.read(look)
        return json_response(task_detail(view, events))

    async def events(self, request: web.Request) -> web.Response:
        """Show the recorded events of one task: those after a revision, or else the newest."""
        found = reference(request)
        query = Query(request)
        limit = query.integer("limit", most=EVENTS_MOST) or EVENTS_MOST
        after = query.integer("after")
        query.end()
        task = await self._decider.read(lambda core: find_task(core.cluster, found))
        events = await self._history.events(
            after=after or 0, limit=limit, newest=after is None, task_id=task.id
        )
        return json_response([event_view(event) for event in events])

    async def _encode(self, task_ids: list[TaskId]) -> bytes:
        """Return the views as one JSON list, made in pieces so that others get their turn."""
        pieces: list[bytes] = []
        while task_ids:
            made = await self._decider.read(partial(self._pieces, task_ids))
            pieces += filter(None, made)
            task_ids = task_ids[len(made) :]
            await asyncio.sleep(0)
        return b"[" + b",".join(pieces) + b"]\n"

    def _pieces(self, task_ids: list[TaskId], core: Core) -> list[bytes]:
        """Return the views of the first of these, as many as others can wait for; empty for one that is gone."""
        began = self._decider.now()
        pieces: list[bytes] = []
        for start in range(0, len(task_ids), TASKS_AT_ONCE):
            if self._decider.now().monotonic - began.monotonic > AT_ONCE_SECONDS:
                break
            for key in task_ids[start : start + TASKS_AT_ONCE]:
                task = core.cluster.tasks.get(key)
                shown = self._encoded.of(task, core.cluster, began.wall_ms) if task else b""
                pieces.append(shown)
        return pieces


def _place(task: Task) -> tuple[int, str]:
    return (task.created_ms, task.id)


def _cursor_text(task: Task) -> str:
    return f"{task.created_ms}.{task.id}"


def _cursor(text: str | None) -> tuple[int, str]:
    if text is None:
        return (-1, "")
    created, dot, task_id = text.partition(".")
    if not (dot and created.isascii() and created.isdigit() and len(created) <= 16):
        raise InvalidInput((Objection("?cursor", "is none that was given out"),))
    return (int(created), task_id)


def _state(text: str | None) -> TaskState | None:
    if text is None:
        return None
    try:
        return TaskState(text.lower())
    except ValueError:
        states = ", ".join(state.value for state in TaskState)
        raise InvalidInput((Objection("?state", f"must be one of {states}"),)) from None


def _selection(core: Core, state: TaskState | None, node: str | None, label: str | None) -> Wanted:
    """Return what tells the tasks asked for from others."""
    cluster = core.cluster
    on_node: set[TaskId] | None = None
    if node is not None:
        node_id: NodeId = find_node(cluster, node).id
        on_node = {cluster.allocations[key].task_id for key in cluster.on_node(node_id)}
    name, _, value = (label or "").partition("=")
    any_value = label is not None and "=" not in label

    def wanted(task: Task) -> bool:
        return (
            (on_node is None or task.id in on_node)
            and (label is None or _has_label(task, name, None if any_value else value))
            and (state is None or state_of(task, cluster.rosters[task.id]) is state)
        )

    return wanted


def _has_label(task: Task, name: str, value: str | None) -> bool:
    labels = task.spec.labels
    return name in labels and (value is None or labels[name] == value)
