"""`/backup` and `/recovery`: the care of the ledger itself."""

from __future__ import annotations

from aiohttp import web

from cube.core.inputs import EndRecovery
from cube.manager.backups import Backups, view_of
from cube.manager.decider import Decider
from cube.manager.replies import json_response, shown
from cube.wire.routes import BACKUPS, END_RECOVERY


class UpkeepApi:
    """Backups made by request, and the end of a recovery."""

    def __init__(self, decider: Decider, backups: Backups) -> None:
        self._decider = decider
        self._backups = backups

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(BACKUPS, self.all),
            web.post(BACKUPS, self.make),
            web.post(END_RECOVERY, self.end_recovery),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show the backups, the newest first."""
        return json_response([view_of(backup) for backup in self._backups.all()])

    async def make(self, request: web.Request) -> web.Response:
        """Make a backup now."""
        return shown(view_of(await self._backups.make()), 201).response()

    async def end_recovery(self, request: web.Request) -> web.Response:
        """Wait for no more workers. Repeats safely, also where nothing recovers."""
        await self._decider.decide(EndRecovery())
        return web.Response(status=204)
