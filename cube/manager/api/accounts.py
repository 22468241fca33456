"""`/registry`: the cluster's accounts at registries, named in paths by their host. No answer holds a password."""

from __future__ import annotations

import msgspec
from aiohttp import web

from cube.errors import InvalidInput, Objection
from cube.manager.accounts import Accounts
from cube.manager.auditor import Auditor
from cube.manager.callers import known_caller
from cube.manager.intake import Query, read_body
from cube.manager.replies import json_response, shown
from cube.model.account import MAX_PASSWORD_BYTES, SealedAccount
from cube.model.audit import AuditEntry
from cube.wire.account_views import AccountRequest
from cube.wire.routes import REGISTRIES
from cube.wire.strict import decode

_BODY_BYTES = 8 * MAX_PASSWORD_BYTES  # a character takes up to six bytes in JSON


class AccountApi:
    """The accounts by registry."""

    def __init__(self, accounts: Accounts, auditor: Auditor, *, body_seconds: float) -> None:
        self._accounts = accounts
        self._auditor = auditor
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        one = f"{REGISTRIES}/{{ref}}"
        return [
            web.get(REGISTRIES, self.all),
            web.put(one, self.set),
            web.delete(one, self.remove),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show the registries and user names."""
        Query(request).end()
        return json_response(await self._accounts.all())

    async def set(self, request: web.Request) -> web.Response:
        """Keep an account. Not kept under an Idempotency-Key: sent twice, it is the same."""
        Query(request).end()
        registry = request.match_info["ref"]
        wanted = _read(await read_body(request, limit=_BODY_BYTES, seconds=self._body_seconds))
        who = known_caller()

        def audit(account: SealedAccount) -> tuple[AuditEntry, ...]:
            what = f"{account.registry} (as {account.username})"
            return (self._auditor.entry(who, 200, what),)

        view = await self._accounts.set(registry, wanted, audit)
        who.audited = True
        return shown(view).response()

    async def remove(self, request: web.Request) -> web.Response:
        """Forget an account."""
        Query(request).end()
        who = known_caller()
        await self._accounts.remove(request.match_info["ref"], (self._auditor.entry(who, 204),))
        who.audited = True
        return web.Response(status=204)


def _read(body: bytes) -> AccountRequest:
    try:
        return msgspec.convert(decode(body), AccountRequest)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise InvalidInput((Objection(where.strip("`").lstrip("."), what),)) from None
