"""`/token`: the tokens on record, for administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from cube.errors import InvalidInput, Objection
from cube.manager.auditor import Auditor
from cube.manager.callers import known_caller
from cube.manager.intake import Query, read_body, reference
from cube.manager.replies import json_response, shown
from cube.manager.token_book import TokenBook
from cube.manager.views import moment
from cube.model.audit import AuditEntry
from cube.model.role import HUMAN
from cube.model.token import Token
from cube.settings import ManagerSettings
from cube.wire.access_views import NewToken, TokenRequest, TokenView
from cube.wire.routes import TOKENS
from cube.wire.strict import decode


class TokenApi:
    """`GET`, `POST` and `DELETE` of tokens."""

    def __init__(
        self,
        book: TokenBook,
        auditor: Auditor,
        settings: ManagerSettings,
        now_ms: Callable[[], int],
    ) -> None:
        self._book = book
        self._auditor = auditor
        self._settings = settings
        self._now_ms = now_ms

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.get(TOKENS, self.all),
            web.post(TOKENS, self.create),
            web.delete(f"{TOKENS}/{{ref}}", self.remove),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show what is on record of all tokens."""
        Query(request).end()
        now_ms = self._now_ms()
        return json_response([TokenView(**_fields(one, now_ms)) for one in self._book.all()])

    async def create(self, request: web.Request) -> web.Response:
        """Make one, and tell it this once."""
        Query(request).end()
        body = await read_body(
            request,
            limit=self._settings.body_limit,
            seconds=self._settings.limits.body_seconds,
        )
        wanted = read_token(body)
        who = known_caller()

        def audit(token: Token) -> tuple[AuditEntry, ...]:
            return (self._auditor.entry(who, 201, f"{token.name} ({token.id}, {token.role})"),)

        token, text = await self._book.create(
            name=wanted.name,
            role=wanted.role,
            ttl_ms=wanted.ttl_ms,
            by=who.principal.name if who.principal else "",
            audit=audit,
        )
        who.audited = True
        response = shown(NewToken(**_fields(token, self._now_ms()), token=text), 201).response()
        response.headers["Cache-Control"] = "no-store"
        return response

    async def remove(self, request: web.Request) -> web.Response:
        """Revoke one, and cut what it has open."""
        ref, who = reference(request), known_caller()
        Query(request).end()

        def audit(token: Token) -> tuple[AuditEntry, ...]:
            return (self._auditor.entry(who, 204, f"{token.name} ({token.id}, {token.role})"),)

        await self._book.remove(ref, audit)
        who.audited = True
        return web.Response(status=204)


def read_token(body: bytes) -> TokenRequest:
    """Return what is asked for. InvalidInput names the field."""
    try:
        wanted = msgspec.convert(decode(body), TokenRequest)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise InvalidInput((Objection(where.strip("`").lstrip("."), what),)) from error
    if wanted.role not in HUMAN:
        raise InvalidInput(
            (Objection("role", f"must be one of {', '.join(sorted(HUMAN))}"),),
            hint="a worker proves who it is by a certificate, not by a token",
        )
    return wanted


def _fields(token: Token, now_ms: int) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_at": moment(token.created_ms),
        "created_by": token.created_by,
        "expires_at": moment(token.expires_ms),
        "expired": token.expired(now_ms),
        "used_at": None if token.used_ms is None else moment(token.used_ms),
    }
