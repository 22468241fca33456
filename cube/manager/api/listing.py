"""How tasks stand: all of them in pages, one of them in full, its history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import hdrs, web

from cube.core.summary import state_of
from cube.manager.decider import Decider
from cube.manager.disclosure import sees_values, veiled
from cube.manager.doors import Core, History
from cube.manager.encoded import EncodedTasks
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_node, find_task
from cube.manager.paging import cursor, labelled, named, next_revision, page, revision_cursor
from cube.manager.replies import json_response
from cube.manager.revisions import etag, matches
from cube.manager.views import event_view, task_detail, task_view
from cube.model.event import EventKind
from cube.model.ids import NodeId, TaskId
from cube.model.task import Task, TaskState
from cube.wire.codec import encode_view
from cube.wire.routes import TASKS
from cube.wire.views import TaskView

RECENT_EVENTS = 20
EVENTS_MOST = 1_000
TASKS_MOST = 10_000
AT_ONCE_SECONDS = 0.01  # in which nobody else gets a turn
TASKS_AT_ONCE = 20  # between two looks at the clock

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
        state, node = query.choice("state", TaskState), query.reference("node")
        has_label, has_name = labelled(query), named(query)
        limit = query.integer("limit", most=TASKS_MOST) or TASKS_MOST
        after = cursor(query, numbered=True)
        query.end()

        def look(core: Core) -> tuple[list[Task], dict[str, str]]:
            wanted = _selection(core, state, node)
            fitting = (
                task
                for task in core.cluster.tasks.values()
                if has_name(task.name) and has_label(task.spec.labels) and wanted(task)
            )
            return page(fitting, limit, after, _place)

        found, more = await self._decider.read(look)
        body = await self._encode([task.id for task in found])
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
        body = encode_view(task_detail(view, events)) + b"\n"
        if not sees_values():  # before the tag: what it is made of could be guessed by it
            body = veiled(body)
        tag = etag(view.revision, body)
        if matches(request.headers.get(hdrs.IF_NONE_MATCH), tag):
            return web.Response(status=304, headers={hdrs.ETAG: tag})
        return web.Response(body=body, content_type="application/json", headers={hdrs.ETAG: tag})

    async def events(self, request: web.Request) -> web.Response:
        """Show the recorded events of one task: those after a revision, or else the newest."""
        found = reference(request)
        query = Query(request)
        limit = query.integer("limit", most=EVENTS_MOST) or EVENTS_MOST
        kind, after = query.choice("kind", EventKind), revision_cursor(query)
        query.end()
        task = await self._decider.read(lambda core: find_task(core.cluster, found))
        events = await self._history.events(
            after=after or 0, limit=limit, newest=after is None, task_id=task.id, kind=kind
        )
        more = next_revision(events, limit)
        return json_response([event_view(event) for event in events], more)

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


def _selection(core: Core, state: TaskState | None, node: str | None) -> Wanted:
    """Return what tells the tasks in that state and on that node from others."""
    cluster = core.cluster
    on_node: set[TaskId] | None = None
    if node is not None:
        node_id: NodeId = find_node(cluster, node).id
        on_node = {cluster.allocations[key].task_id for key in cluster.on_node(node_id)}

    def wanted(task: Task) -> bool:
        return (on_node is None or task.id in on_node) and (
            state is None or state_of(task, cluster.rosters[task.id]) is state
        )

    return wanted
