"""`/secret`: set, listed by name, forgotten. No answer holds a value."""

from __future__ import annotations

from aiohttp import web

from cube.manager.auditor import Auditor
from cube.manager.callers import known_caller
from cube.manager.intake import Query, read_body, reference
from cube.manager.replies import json_response, shown
from cube.manager.secrets import Secrets
from cube.model.audit import AuditEntry
from cube.model.secret import MAX_SECRET_BYTES, SealedSecret
from cube.wire.routes import SECRETS


class SecretApi:
    """The secrets by name."""

    def __init__(self, secrets: Secrets, auditor: Auditor, *, body_seconds: float) -> None:
        self._secrets = secrets
        self._auditor = auditor
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        one = f"{SECRETS}/{{ref}}"
        return [
            web.get(SECRETS, self.all),
            web.put(one, self.set),
            web.delete(one, self.remove),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Show the names and versions."""
        Query(request).end()
        return json_response(await self._secrets.all())

    async def set(self, request: web.Request) -> web.Response:
        """Keep the body as it is, as the newest version.

        Not kept under an Idempotency-Key: sent twice, it is a version more of the same.
        """
        Query(request).end()
        name = reference(request)
        value = await read_body(request, limit=MAX_SECRET_BYTES, seconds=self._body_seconds)
        who = known_caller()

        def audit(secret: SealedSecret) -> tuple[AuditEntry, ...]:
            return (self._auditor.entry(who, 200, f"{secret.name} (version {secret.version})"),)

        view = await self._secrets.set(name, value, audit)
        who.audited = True
        return shown(view).response()

    async def remove(self, request: web.Request) -> web.Response:
        """Forget a secret that no task names."""
        Query(request).end()
        who = known_caller()
        await self._secrets.remove(reference(request), (self._auditor.entry(who, 204),))
        who.audited = True
        return web.Response(status=204)
