"""`/audit`: who did what, for administrators."""

from __future__ import annotations

from aiohttp import web

from cube.manager.doors import AuditRecords
from cube.manager.intake import Query
from cube.manager.replies import json_response
from cube.manager.views import moment
from cube.store.audit import NumberedEntry
from cube.wire.access_views import AuditCheck, AuditView
from cube.wire.routes import AUDIT, AUDIT_CHECK

ENTRIES = 100
ENTRIES_MOST = 1_000


class AuditApi:
    """`GET /audit` and `GET /audit/check`."""

    def __init__(self, records: AuditRecords) -> None:
        self._records = records

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get(AUDIT, self.newest), web.get(AUDIT_CHECK, self.check)]

    async def newest(self, request: web.Request) -> web.Response:
        """Show the newest entries, or with a cursor those before."""
        query = Query(request)
        limit = query.integer("limit", most=ENTRIES_MOST) or ENTRIES
        before = query.integer("cursor")
        query.end()
        entries = await self._records.audit(before=before, limit=limit)
        more = {"X-Next-Cursor": str(entries[0].number)} if len(entries) == limit else {}
        return json_response([_view(one) for one in entries], more)

    async def check(self, request: web.Request) -> web.Response:
        """Go along the chain and show whether it is whole."""
        Query(request).end()
        verdict = await self._records.verify_audit()
        return json_response(
            AuditCheck(
                whole=not verdict.fault,
                fault=verdict.fault,
                entries=verdict.entries,
                first=verdict.first,
                last=verdict.head.number,
                head=verdict.head.hash.hex(),
            )
        )


def _view(numbered: NumberedEntry) -> AuditView:
    entry = numbered.entry
    return AuditView(
        number=numbered.number,
        at=moment(entry.at_ms),
        principal=entry.principal,
        name=entry.name,
        address=entry.address,
        action=entry.action,
        object=entry.object,
        outcome=entry.outcome,
        revision=entry.revision,
        count=entry.count,
    )
