"""The way in put together: who is known, what they may do, and the routes by which that is looked after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from cube.aio.supervise import Supervisor
from cube.manager.access import Access
from cube.manager.accounts import Accounts
from cube.manager.api.accounts import AccountApi
from cube.manager.api.audit import AuditApi
from cube.manager.api.certificates import CertificateApi
from cube.manager.api.join import JoinApi
from cube.manager.api.secrets import SecretApi
from cube.manager.api.tokens import TokenApi
from cube.manager.auditor import Auditor
from cube.manager.decider import Decider
from cube.manager.doors import Recorder
from cube.manager.metrics import monotonic
from cube.manager.presence import Presence
from cube.manager.secrets import Secrets
from cube.manager.token_book import TokenBook
from cube.model.ids import NodeId
from cube.settings import ManagerSettings
from cube.store.ledger import Ledger
from cube.wire.messages import Asked, AskSecret, Told
from cube.wire.operations import MANAGER

if TYPE_CHECKING:  # only where others reach the manager
    from cube.manager.secure import Secure


class Entrance:
    """What stands between callers and handlers.

    `presence` is who is here, by whichever listener they came.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        ledger: Ledger,
        recorder: Recorder,
        decider: Decider,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._decider = decider
        self._now_ms = now_ms
        self.presence = Presence()
        self._book = TokenBook(ledger, self.presence, now_ms)
        self._auditor = Auditor(
            recorder,
            now_ms=now_ms,
            revision=lambda: decider.core.cluster.revision,
            denials_at_once=settings.limits.denials_at_once,
        )
        self.access = Access(
            MANAGER, self._book, self.presence, self._auditor, settings.limits, monotonic
        )
        self._secrets = Secrets(ledger, decider, now_ms, settings.data)
        self._accounts = Accounts(ledger, decider, now_ms, settings.data)

    async def open(self, supervisor: Supervisor) -> None:
        """Know the tokens that are on record, before anybody is let in, and start what goes on until the end."""
        await self._book.load()
        supervisor.keep(self._book.run, "tokens")
        supervisor.keep(self._auditor.run, "audit")

    async def tell(self, node_id: NodeId, asked: Asked) -> Told:
        """Return what a worker asks for, or why it does not get it."""
        if isinstance(asked, AskSecret):
            return await self._secrets.tell(node_id, asked.id, asked.name)
        return await self._accounts.tell(node_id, asked.id, asked.registry)

    def routes(self, secure: Secure | None) -> list[web.RouteDef]:
        """Return what is served about it. `secure`: where there is TLS."""
        auditor, settings = self._auditor, self._settings
        return [
            *TokenApi(self._book, auditor, settings, self._now_ms).routes(),
            *AuditApi(self._ledger).routes(),
            *SecretApi(self._secrets, auditor, body_seconds=settings.limits.body_seconds).routes(),
            *AccountApi(
                self._accounts, auditor, body_seconds=settings.limits.body_seconds
            ).routes(),
            *JoinApi(secure, self._decider, auditor, settings, monotonic).routes(),
            *CertificateApi(secure, self._decider, auditor).routes(),
        ]
