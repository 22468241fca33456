"""`/event`: what happened, as a list or as a live feed of server-sent events that resumes by revision."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from aiohttp import hdrs, web

from cube.errors import InvalidInput, NotFound, Objection
from cube.manager.buffers import bound_buffer
from cube.manager.decider import Decider
from cube.manager.doors import Core, PrunedHistory
from cube.manager.feed import Feed, Lagged, follow
from cube.manager.intake import MAX_INTEGER, Query
from cube.manager.lookup import find_node, find_task
from cube.manager.paging import next_revision, revision_cursor
from cube.manager.replies import json_response
from cube.manager.sending import Sender
from cube.manager.views import event_view
from cube.manager.watch_views import framed
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.wire.codec import encode_view
from cube.wire.routes import EVENTS
from cube.wire.watch import Resync, WatchKind

log = logging.getLogger(__name__)

EVENTS_MOST = 1_000
EVENTS_SHOWN = 100
EVENTS_AT_ONCE = 100  # in one write, 40 kB: so much more is held for one who does not read
FRAMES_KEPT = 2_000  # about 1 MB: an event is worded once for all who follow, not once for each
COMMENT_EVERY = 15.0  # shows both sides that the connection lives
LAST_EVENT_ID = "Last-Event-ID"


class Wanted(NamedTuple):
    """Which events somebody wants; None stands for any."""

    task_id: TaskId | None = None
    node_id: NodeId | None = None
    kind: EventKind | None = None


class EventApi:
    """`GET /event`."""

    def __init__(self, decider: Decider, history: PrunedHistory, feed: Feed) -> None:
        self._decider = decider
        self._history = history
        self._feed = feed
        self._sender = Sender()
        self._frames: dict[int, bytes] = {}  # by revision; only what is on record is ever told

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(EVENTS, self.events, allow_head=False)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Show recorded events: those after a revision, else the newest; with `follow` also those to come."""
        query = Query(request)
        after = revision_cursor(query)
        limit = query.integer("limit", most=EVENTS_MOST)
        task, node = query.reference("task"), query.reference("node")
        kind = query.choice("kind", EventKind)
        live = query.flag("follow", default=_asks_for_a_stream(request))
        query.end()
        task_id, node_id = await self._decider.read(lambda core: _ids(core, task, node))
        if live:
            resumed = _last_event_id(request)
            after = resumed if resumed is not None else after
            return await self._follow(request, after, limit, Wanted(task_id, node_id, kind))
        limit = limit or EVENTS_SHOWN
        events = await self._history.events(
            after=after or 0,
            limit=limit,
            newest=after is None,
            task_id=task_id,
            node_id=node_id,
            kind=kind,
        )
        return json_response([event_view(event) for event in events], next_revision(events, limit))

    async def _follow(
        self, request: web.Request, after: int | None, limit: int | None, wanted: Wanted
    ) -> web.StreamResponse:
        self._feed.check_room()
        start = await self._start(after, limit, wanted)
        oldest = await self._history.oldest_revision() if after else 0
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back until its buffer is full
            }
        )
        bound_buffer(request)
        await response.prepare(request)
        events = follow(
            self._feed,
            self._history,
            start,
            task_id=wanted.task_id,
            node_id=wanted.node_id,
            pause=COMMENT_EVERY,
        )
        await self._sender.send(response, f": events after {start}\n\n".encode())
        if oldest > start + 1:
            await self._sender.send(response, _resync(oldest))
        async with aclosing(events):
            await self._stream(response, events, wanted.kind)
        return response

    async def _stream(
        self,
        response: web.StreamResponse,
        events: AsyncIterator[list[TaskEvent]],
        kind: EventKind | None,
    ) -> None:
        """Send events until there are no more. A follower that is too slow is told where to resume, and let go."""
        try:
            async for batch in events:
                some = batch if kind is None else [event for event in batch if event.kind is kind]
                if not batch:
                    await self._sender.send(response, b":\n\n")
                for start in range(0, len(some), EVENTS_AT_ONCE):
                    await self._sender.turn()
                    frames = map(self._frame, some[start : start + EVENTS_AT_ONCE])
                    await self._sender.send(response, b"".join(frames))
                # After the write, not before it: what comes alone leaves at once, only a burst is gathered.
                await asyncio.sleep(self._feed.pause())
        except Lagged:
            await self._sender.send(response, b": lagged behind; resume with Last-Event-ID\n\n")

    def _frame(self, event: TaskEvent) -> bytes:
        """Return the event as it is sent: worded once for all who follow."""
        frame = self._frames.get(event.revision)
        if frame is None:
            data = encode_view(event_view(event))
            frame = b"id: %d\nevent: %b\ndata: %b\n\n" % (event.revision, event.kind.encode(), data)
            if len(self._frames) >= FRAMES_KEPT:
                del self._frames[next(iter(self._frames))]
            self._frames[event.revision] = frame
        return frame

    async def _start(self, after: int | None, limit: int | None, wanted: Wanted) -> int:
        """Return the revision behind which to start: that given, or `limit` events back, or now."""
        if after is not None:
            return after
        now = await self._decider.read(lambda core: core.cluster.revision)
        if limit:
            newest = await self._history.events(
                newest=True,
                limit=limit,
                task_id=wanted.task_id,
                node_id=wanted.node_id,
                kind=wanted.kind,
            )
            return newest[0].revision - 1 if newest else now
        return now


def _resync(oldest: int) -> bytes:
    reason = f"events before revision {oldest} are not kept any more"
    return framed(WatchKind.RESYNC, encode_view(Resync(reason, oldest)))


def _asks_for_a_stream(request: web.Request) -> bool:
    return "text/event-stream" in request.headers.get(hdrs.ACCEPT, "")


def _last_event_id(request: web.Request) -> int | None:
    if not (text := request.headers.get(LAST_EVENT_ID)):
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_INTEGER):
        raise InvalidInput((Objection(LAST_EVENT_ID, "must be the revision of an event"),))
    return int(text)


def _ids(core: Core, task: str | None, node: str | None) -> tuple[TaskId | None, NodeId | None]:
    """Return the ids meant. A whole id need not be known any more: its events may still be."""
    return (
        None if task is None else _task_id(core, task),
        None if node is None else find_node(core.cluster, node).id,
    )


def _task_id(core: Core, reference: str) -> TaskId:
    try:
        return find_task(core.cluster, reference).id
    except NotFound:
        if len(reference) == len("00000000-0000-0000-0000-000000000000"):
            return TaskId(reference)
        raise
