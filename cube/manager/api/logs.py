"""`/task/{id}/logs`: the lines of all of a task's containers as one stream, brought by the workers that run them."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from cube.aio.race import race
from cube.errors import InvalidInput, Objection
from cube.manager.decider import Decider
from cube.manager.feed import Feed, Lagged, Subscription
from cube.manager.intake import Query, reference
from cube.manager.log_gathering import LogGathering
from cube.manager.log_sources import ASK_AGAIN, LogSources, Wish
from cube.manager.lookup import find_task
from cube.manager.session import Sessions
from cube.manager.streams import Streams
from cube.wire.log_marks import decode_marks
from cube.wire.routes import STREAM, TASKS

WRITE_SECONDS = 60.0
"""A person may look at a pager for a while; a dead connection must not stay for ever."""
KEEP_ALIVE = 15.0  # an empty line so often shows both sides that the connection lives
AHEAD_BYTES = 1024 * 1024  # written and not sent: the next lines are merged meanwhile
TAIL_MOST = 1_000_000


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
            LogGathering(self._streams) as gathering,
            self._feed.subscribe(task_id=task_id) as news,
        ):
            sources = LogSources(task_id, wish, gathering, self._sessions)
            response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/x-ndjson"})
            await response.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=AHEAD_BYTES)
            if wish.follow:
                await _send(response, b"\n")  # takes the headers with it
            await race(lines=self._pump(response, sources, gathering), news=_watch(news, gathering))
            if news.ended and wish.follow:
                # A proper end would say that the task has ended; a reader that is cut off comes again.
                raise ConnectionResetError("the manager is stopping")
        return response

    async def _pump(
        self, response: web.StreamResponse, sources: LogSources, gathering: LogGathering
    ) -> None:
        """Pass lines on until there can be no more."""
        now = asyncio.get_running_loop().time
        if data := sources.tend(self._decider.core.cluster, now()):
            await _send(response, data)
        tended, sent = now(), now()
        while not sources.finished(self._decider.core.cluster):
            pause = ASK_AGAIN if sources.restless else KEEP_ALIVE
            data, ended = await gathering.next(pause)
            data += b"".join(sources.over(one, now()) for one in ended)
            if not data or now() - tended >= ASK_AGAIN:
                data += sources.tend(self._decider.core.cluster, now())
                tended = now()
            if data or now() - sent >= KEEP_ALIVE:
                await _send(response, data or b"\n")
                sent = now()
        if farewell := sources.farewell():
            await _send(response, farewell)


async def _watch(news: Subscription, gathering: LogGathering) -> None:
    """Have the reader look at what happens to the task: containers that start join in, and it may have ended."""
    while not news.ended:
        try:
            await news.next(KEEP_ALIVE)
        except Lagged:
            news.catch_up()
        gathering.wake()


async def _send(response: web.StreamResponse, data: bytes) -> None:
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the reader does not read") from None


def _wish(query: Query) -> Wish:
    tail, after = query.text("tail"), query.text("after")
    try:
        marks = decode_marks(after) if after else {}
    except ValueError:
        wrong = Objection("?after", "is none that this manager gave, or is cut off")
        raise InvalidInput((wrong,)) from None
    wish = Wish(
        follow=query.flag("follow"),
        tail=None if tail in (None, "all") else query.integer("tail", most=TAIL_MOST),
        since_ns=query.integer("since_ns") or 0,
        until_ns=query.integer("until_ns") or 0,
        stdout=query.flag("stdout", default=True),
        stderr=query.flag("stderr", default=True),
        after=marks,
    )
    query.flag("timestamps")  # docker's; every record has its time anyway
    query.end()
    return wish
