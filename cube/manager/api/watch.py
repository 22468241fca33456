"""`/watch`: everything that people can see, live over one connection. `/attention`: what is wrong, once.

A follower that stops reading is let go after ten seconds, or when what it did not read is not kept any more, whichever
comes first. It comes back with `Last-Event-ID` and goes on from there, or is told to begin again.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import hdrs, web

from cube.manager.buffers import bound_buffer
from cube.manager.concerns import all_concerns
from cube.manager.decider import Decider
from cube.manager.disclosure import sees_values, veiled_events
from cube.manager.intake import Query
from cube.manager.journal import Journal, Overtaken
from cube.manager.replies import json_response
from cube.manager.sending import Sender
from cube.manager.watch_views import framed
from cube.manager.watching import Watching
from cube.wire.codec import encode_view
from cube.wire.routes import ATTENTION, WATCH
from cube.wire.watch import Resync, WatchKind

COMES_BACK_MS = 1000  # a browser's own choice is three seconds
LAST_EVENT_ID = "Last-Event-ID"


class WatchApi:
    """`GET /watch` and `GET /attention`."""

    def __init__(self, decider: Decider, watching: Watching) -> None:
        self._decider = decider
        self._watching = watching
        self._sender = Sender()

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(WATCH, self.watch, allow_head=False),
            web.get(ATTENTION, self.attention),
        ]

    async def attention(self, request: web.Request) -> web.Response:
        """Show what is wrong now, the worst first."""
        Query(request).end()
        return json_response(await all_concerns(self._decider))

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Send a snapshot, or what came behind `Last-Event-ID`, and then everything that changes."""
        Query(request).end()
        last = request.headers.get(LAST_EVENT_ID, "")
        shown = bytes if sees_values() else veiled_events
        with self._watching.follow() as journal:
            number = self._watching.resumed(last) if last else None
            response = web.StreamResponse(
                headers={
                    hdrs.CONTENT_TYPE: "text/event-stream",
                    hdrs.CACHE_CONTROL: "no-store",
                    "X-Accel-Buffering": "no",  # nginx would hold events back until its buffer is full
                }
            )
            bound_buffer(request)
            await response.prepare(request)
            await self._sender.send(response, f"retry: {COMES_BACK_MS}\n\n".encode())
            if number is None:
                if last:
                    await self._sender.send(
                        response, _resync("what came behind the last id is not kept")
                    )
                everything = await self._watching.everything()
                for message in everything.messages:
                    await self._sender.send(response, shown(message))
                number = everything.number
            await self._go_on(response, journal, number, shown)
        return response

    async def _go_on(
        self,
        response: web.StreamResponse,
        journal: Journal,
        number: int,
        shown: Callable[[bytes], bytes],
    ) -> None:
        """Send what is in the journal from that number on, until it is closed."""
        try:
            while await journal.news(number):
                await self._sender.turn()
                data, number = journal.read(number)
                await self._sender.send(response, shown(data))
        except Overtaken as error:
            await self._sender.send(response, _resync(error.message))


def _resync(reason: str) -> bytes:
    return framed(WatchKind.RESYNC, encode_view(Resync(reason)))
