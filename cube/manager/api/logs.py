"""`/task/{id}/logs`: the lines of all of a task's containers as one stream, brought by the workers that run them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from aiohttp import hdrs, web

from cube.aio.race import race
from cube.core.cluster import Cluster
from cube.core.summary import state_of
from cube.errors import Overloaded
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.feed import Feed, Lagged, Subscription
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_task
from cube.manager.session import Sessions
from cube.manager.streams import Gathering, Lines, Note, Over, Streams
from cube.model.allocation import Allocation, Phase
from cube.model.event import EventKind
from cube.model.ids import AllocationId, TaskId, slot_name
from cube.model.task import TaskState
from cube.wire.codec import encode_view
from cube.wire.messages import OpenStream
from cube.wire.routes import STREAM, TASKS
from cube.wire.views import LogRecord

WRITE_SECONDS = 60.0
"""A person may look at a pager for a while; a dead connection must not stay for ever."""
KEEP_ALIVE = 15.0  # an empty line so often shows both sides that the connection lives
ASK_AGAIN = 1.0  # a reader is back after a restart of the manager before the workers are
TAIL_MOST = 1_000_000
_ENDED = (TaskState.COMPLETED, TaskState.FAILED)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines somebody wants."""

    follow: bool = False
    tail: int | None = None
    since_ns: int = 0
    until_ns: int = 0
    stdout: bool = True
    stderr: bool = True


class LogApi:
    """The two ends of a log: the reader's GET and the worker's POST."""

    def __init__(self, decider: Decider, sessions: Sessions, streams: Streams, feed: Feed) -> None:
        self._decider = decider
        self._sessions = sessions
        self._streams = streams
        self._feed = feed

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            *(web.get(f"{root}/{{ref}}/logs", self.logs, allow_head=False) for root in TASKS),
            web.post(STREAM, self.carry),
        ]

    async def carry(self, request: web.Request) -> web.Response:
        """Take in what a worker brings, for the reader who waits for it."""
        await self._streams.carry(request.match_info["stream_id"], request.content.iter_any())
        if not request.content.is_eof() and request.transport is not None:
            request.transport.abort()  # the reader left; the worker is to stop now
        return web.Response(status=204)

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """Send the lines as newline-delimited JSON; with `follow` until the task has ended for good."""
        found, wish = reference(request), _wish(Query(request))
        task_id = await self._decider.read(lambda core: find_task(core.cluster, found).id)
        with (
            self._streams.gather() as gathering,
            self._feed.subscribe(task_id=task_id) as news,
        ):
            merge = _Merge(task_id, wish, gathering, self._sessions)
            first = b"".join(merge.open_new(self._decider.core, first=True))
            response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/x-ndjson"})
            await response.prepare(request)
            if first or wish.follow:
                await _send(response, first or b"\n")  # takes the headers with it
            await race(
                lines=self._pump(response, merge),
                news=self._watch(news, merge, gathering),
            )
            if news.ended and wish.follow:
                # A proper end would say that the task has ended; a reader that is cut off comes again.
                raise ConnectionResetError("the manager is stopping")
        return response

    async def _pump(self, response: web.StreamResponse, merge: _Merge) -> None:
        """Pass lines on until there can be no more."""
        while not merge.over(self._decider.core):
            data = await merge.next()
            if data is None:
                await _send(response, b"\n")
            elif data:
                await _send(response, data)

    async def _watch(self, news: Subscription, merge: _Merge, gathering: Gathering) -> None:
        """Let containers that start later join in, and the reader look when the task may have ended."""
        while not news.ended:
            try:
                events = await news.next(ASK_AGAIN if merge.unreachable else KEEP_ALIVE)
            except Lagged:
                news.catch_up()
                events = []
            if merge.wish.follow and not news.ended:
                data = b"".join(merge.open_new(self._decider.core, first=False))
                if data or any(event.kind is EventKind.TASK_STATE for event in events):
                    gathering.note(data)


class _Merge:
    """The streams of one task's containers, as far as they are open or were."""

    def __init__(
        self, task_id: TaskId, wish: Wish, gathering: Gathering, sessions: Sessions
    ) -> None:
        self.wish = wish
        self._task_id = task_id
        self._gathering = gathering
        self._sessions = sessions
        self._open: dict[str, tuple[str, str]] = {}  # slot and node of each stream
        # A worker follows one through its restarts: once is enough.
        self._asked: set[AllocationId] = set()
        self.unreachable: set[AllocationId] = set()  # told of, and asked for again

    def open_new(self, core: Core, *, first: bool) -> Iterator[bytes]:
        """Ask workers for every log that is not open yet; yield warnings for those that cannot be had."""
        cluster = core.cluster
        for allocation in _with_logs(cluster, self._task_id):
            if allocation.id not in self._asked:
                yield from self._ask(allocation, cluster, first=first)

    def _ask(self, allocation: Allocation, cluster: Cluster, *, first: bool) -> Iterator[bytes]:
        task, node = cluster.tasks[allocation.task_id], cluster.nodes.get(allocation.node_id)
        name = slot_name(task.name, allocation.slot)
        node_name = node.name if node else allocation.node_id
        session = self._sessions.of(allocation.node_id)
        if session is None:
            if allocation.id not in self.unreachable:
                self.unreachable.add(allocation.id)
                yield _warning(name, node_name, f"node {node_name} is not connected")
            return
        self._asked.add(allocation.id)
        try:
            stream_id = self._gathering.expect()
        except Overloaded as error:
            yield _warning(name, node_name, error.message)
            return
        self._open[stream_id] = (name, node_name)
        first = first or allocation.id in self.unreachable
        self.unreachable.discard(allocation.id)
        wish = self.wish if first else msgspec.structs.replace(self.wish, tail=None)
        session.say(
            OpenStream(
                stream_id=stream_id,
                id=allocation.id,
                follow=wish.follow,
                tail=wish.tail,
                since_ns=wish.since_ns,
                until_ns=wish.until_ns,
                stdout=wish.stdout,
                stderr=wish.stderr,
            )
        )

    async def next(self) -> bytes | None:
        """Return what came next, maybe nothing; None after a while of silence."""
        match await self._gathering.next(KEEP_ALIVE):
            case Lines(data=data) | Note(data=data):
                return data
            case Over(stream_id=stream_id, problem=problem):
                name, node = self._open.pop(stream_id)
                return _warning(name, node, problem) if problem else b""
        return None

    def over(self, core: Core) -> bool:
        """Whether no line will come any more."""
        if self._open or not self._gathering.empty:
            return False
        if not self.wish.follow:
            return True
        task = core.cluster.tasks.get(self._task_id)
        return task is None or state_of(task, core.cluster.rosters[task.id]) in _ENDED


def _with_logs(cluster: Cluster, task_id: TaskId) -> Iterator[Allocation]:
    """Yield the allocations of which a container may still be there to be read."""
    roster = cluster.rosters.get(task_id)
    for _, slot in sorted(roster.slots.items() if roster else []):
        for allocation in slot.every:
            seen = allocation.observed
            if (seen.container_id or seen.phase >= Phase.RUNNING) and not allocation.gone:
                yield allocation


def _warning(name: str, node: str, problem: str) -> bytes:
    return encode_view(LogRecord(name=name, node=node, warning=problem)) + b"\n"


async def _send(response: web.StreamResponse, data: bytes) -> None:
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the reader does not read") from None


def _wish(query: Query) -> Wish:
    tail = query.text("tail")
    wish = Wish(
        follow=query.flag("follow"),
        tail=None if tail in (None, "all") else query.integer("tail", most=TAIL_MOST),
        since_ns=query.integer("since_ns") or 0,
        until_ns=query.integer("until_ns") or 0,
        stdout=query.flag("stdout", default=True),
        stderr=query.flag("stderr", default=True),
    )
    query.flag("timestamps")  # docker's; every record has its time anyway
    query.end()
    return wish
