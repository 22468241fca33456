"""`/task/{id}/exec` and `/task/{id}/copy`: into one container, through the worker that runs it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import WSMsgType, web

from cube.client.channel import CLOSE_SECONDS, HEARTBEAT
from cube.core.cluster import Cluster
from cube.core.reach import OutOfReach, Within, reach
from cube.errors import Conflict, CubeError, InvalidInput, Objection, PeerFault
from cube.manager.decider import Decider
from cube.manager.intake import Query, reference
from cube.manager.lookup import find_slot
from cube.manager.pings import next_message
from cube.manager.replies import HttpRefusal
from cube.manager.session import Session, Sessions
from cube.manager.tunnels import Meeting, Tunnels, tell_failure
from cube.wire.messages import OpenTunnel
from cube.wire.routes import TASKS, TUNNEL
from cube.wire.tunnels import (
    FRAME_LONGEST,
    WISH_LONGEST,
    Exec,
    Reached,
    Wish,
    WriteArchive,
    decode_wish,
    encode_frame,
)

WISH_SECONDS = 10.0


class TunnelApi:
    """The two ends of a tunnel: the user's and the worker's, both opened as WebSockets."""

    def __init__(self, decider: Decider, sessions: Sessions, tunnels: Tunnels) -> None:
        self._decider = decider
        self._sessions = sessions
        self._tunnels = tunnels

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            *(web.get(f"{root}/{{ref}}/exec", self.exec, allow_head=False) for root in TASKS),
            *(web.get(f"{root}/{{ref}}/copy", self.copy, allow_head=False) for root in TASKS),
            web.get(TUNNEL, self.carry, allow_head=False),
        ]

    async def exec(self, request: web.Request) -> web.WebSocketResponse:
        """Run a command in a container."""
        return await self._serve(request, commands=True)

    async def copy(self, request: web.Request) -> web.WebSocketResponse:
        """Look at the files of a container, take some out or put some in."""
        return await self._serve(request, commands=False)

    async def carry(self, request: web.Request) -> web.WebSocketResponse:
        """Take in the worker's end, for the user who waits for it."""
        meeting = self._tunnels.expected(request.match_info["tunnel_id"])
        socket = _socket(FRAME_LONGEST)
        await socket.prepare(request)
        if meeting.come(socket):
            await meeting.over()
        await _close(socket, request)
        return socket

    async def _serve(self, request: web.Request, *, commands: bool) -> web.WebSocketResponse:
        found = reference(request)
        Query(request).end()
        _must_upgrade(request)
        socket = _socket(WISH_LONGEST)
        await socket.prepare(request)
        # Errors are told through the WebSocket: who fails to open one, a browser too, cannot read why.
        try:
            with self._tunnels.expect() as meeting:
                await self._meet(socket, meeting, found, commands=commands)
        except CubeError as error:
            await tell_failure(socket, error)
        except (TimeoutError, ConnectionError):
            pass  # the user is gone, or as good as gone
        finally:
            await _close(socket, request)
        return socket

    async def _meet(
        self, socket: web.WebSocketResponse, meeting: Meeting, found: str, *, commands: bool
    ) -> None:
        wish = await _wish(socket)
        if isinstance(wish, Exec) is not commands:
            place = "exec" if commands else "copy"
            raise InvalidInput((Objection("do", f"is not done at …/{place}"),))
        any_slot = not isinstance(wish, WriteArchive)
        within, session, reached = await self._decider.read(
            lambda core: self._reach(core.cluster, found, any_slot=any_slot)
        )
        await socket.send_bytes(encode_frame(reached))
        session.say(OpenTunnel(tunnel_id=meeting.id, id=within.allocation.id, wish=wish))
        await meeting.carry(socket)

    def _reach(
        self, cluster: Cluster, found: str, *, any_slot: bool
    ) -> tuple[Within, Session, Reached]:
        task, slot = find_slot(cluster, found)
        within = reach(cluster, task, slot, any_slot=any_slot)
        if isinstance(within, OutOfReach):
            raise Conflict(within.message, hint=within.hint)
        node_id = within.allocation.node_id
        node = cluster.nodes.get(node_id)
        name = node.name if node else node_id
        session = self._sessions.of(node_id)
        if session is None:
            raise CubeError(f"{within.name} runs on {name}, which is not connected")
        return within, session, Reached(within.name, name, within.chosen)


async def _wish(socket: web.WebSocketResponse) -> Wish:
    async with asyncio.timeout(WISH_SECONDS):
        message = await next_message(socket)
    if message.type is WSMsgType.TEXT:
        return decode_wish(message.data)
    if message.type is WSMsgType.BINARY:
        raise PeerFault("a tunnel begins with a wish, as JSON text")
    raise ConnectionResetError("the user left before saying what is wanted")


def _socket(longest: int) -> web.WebSocketResponse:
    return web.WebSocketResponse(
        max_msg_size=longest,
        compress=False,
        timeout=CLOSE_SECONDS,
        heartbeat=HEARTBEAT,
        autoping=False,
    )


def _must_upgrade(request: web.Request) -> None:
    if not _socket(FRAME_LONGEST).can_prepare(request):
        raise HttpRefusal(HTTPStatus.UPGRADE_REQUIRED, "this is spoken over a WebSocket")


async def _close(socket: web.WebSocketResponse, request: web.Request) -> None:
    try:
        async with asyncio.timeout(2 * CLOSE_SECONDS):
            await socket.close()
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()
