"""Carries a rotation of the root through its stages, from whatever stage the authority's files say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from cube.aio.clock import Clock
from cube.aio.wakeup import Wakeup
from cube.core.rotation import Acknowledged, Stage, missing
from cube.errors import Conflict
from cube.manager.membership import Membership
from cube.manager.session import Sessions
from cube.model.ids import NodeId
from cube.security.authority import Authority
from cube.wire.messages import Renew

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0  # certificates that ran out are no longer waited for
URGE_EVERY = 30.0  # a worker whose answer was lost is asked again


class Rotation:
    """The rotation of one authority. What workers acknowledged is kept in memory: they are asked again after a start.

    `reopen` has the manager show a certificate of the root that signs, and trust the roots there are.
    """

    def __init__(
        self,
        authority: Authority,
        membership: Membership,
        sessions: Sessions,
        clock: Clock,
        reopen: Callable[[], Awaitable[None]],
    ) -> None:
        self._authority = authority
        self._membership = membership
        self._sessions = sessions
        self._clock = clock
        self._reopen = reopen
        self._said: dict[NodeId, Acknowledged] = {}
        self._urged: dict[NodeId, float] = {}
        self._finishing = False
        self._news = Wakeup()
        self._turn = asyncio.Lock()

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return self._authority.stage

    def missing(self) -> list[NodeId]:
        """Return the nodes it waits for."""
        return missing(
            self._authority.stage,
            self._authority.newest.pin,
            self._membership.credentials.values(),
            self._said,
            self._clock.now().wall_ms,
        )

    async def begin(self) -> None:
        """Make a new root and have all trust it. Nothing more while a rotation goes on."""
        async with self._turn:
            if not self._going_on:
                now_ms = self._clock.now().wall_ms
                await asyncio.to_thread(self._authority.begin_rotation, now_ms)
                await self._enter()

    async def finish(self) -> None:
        """Wait from now on for connected workers only. The others need a token to come back."""
        async with self._turn:
            if not self._going_on:
                raise Conflict("no rotation is going on", hint="`cube ca rotate` begins one")
            self._finishing = True
            self._urged.clear()
            self._news.set()

    def acknowledged(self, node_id: NodeId, said: Acknowledged) -> None:
        """A worker said what it trusts and holds."""
        self._said[node_id] = said
        self._news.set()

    async def run(self) -> NoReturn:
        """Take each step once everybody is ready for it."""
        while True:
            async with self._turn:
                waiting = self._waited_for()
                if self._going_on and not waiting:
                    await self._step()
                    continue
            self._urge(waiting)
            await self._news.wait(LOOK_EVERY)

    @property
    def _going_on(self) -> bool:
        return self._authority.stage is not Stage.QUIET

    def _waited_for(self) -> list[NodeId]:
        missing = self.missing()
        if self._finishing:
            return [node_id for node_id in missing if self._sessions.of(node_id) is not None]
        return missing

    async def _step(self) -> None:
        if self._authority.stage is Stage.ANNOUNCING:
            await asyncio.to_thread(self._authority.switch)
            await self._membership.remove_all_tokens()  # they name the root before
        else:
            await asyncio.to_thread(self._authority.drop_old)
        await self._enter()

    async def _enter(self) -> None:
        log.info("rotation of the root: %s", self._authority.stage)
        self._urged.clear()
        await self._reopen()
        if not self._going_on:  # so that they forget the old root, too
            self._finishing = False
            self._urge(list(self._membership.credentials))
        self._news.set()

    def _urge(self, nodes: list[NodeId]) -> None:
        """Ask those to renew that are connected and were not asked lately."""
        now = self._clock.now().monotonic
        for node_id in nodes:
            session = self._sessions.of(node_id)
            if session is not None and now - self._urged.get(node_id, -URGE_EVERY) >= URGE_EVERY:
                self._urged[node_id] = now
                session.say(Renew())
