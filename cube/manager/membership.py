"""Who may join and who has: the join tokens and the certificates of workers. What it answers is recorded first."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Protocol

from cube.aio.clock import Clock
from cube.core.joining import (
    LONGEST_TTL,
    MOST_USES,
    Denied,
    let_in,
    node_for,
    redeem,
    revoked,
)
from cube.errors import Conflict, InvalidInput, NotAllowed, NotFound, Objection
from cube.model.audit import AuditEntry
from cube.model.ids import NodeId
from cube.model.membership import FIRST_ERA, Credential, JoinToken
from cube.security.authority import Authority, key_of_request
from cube.security.join import JoinSecret, hash_secret, mint_secret
from cube.wire.membership import Certified, JoinRequest

log = logging.getLogger(__name__)

MOST_TOKENS = 1000  # valid at once; more is a script that went wrong
Audit = Callable[[str], Iterable[AuditEntry]]
"""Makes what is recorded with a change, in its transaction, from the words for what was changed."""

_NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


class Record(Protocol):
    """What remembers: `cube.store.ledger.Ledger`."""

    async def membership(self) -> tuple[list[JoinToken], list[Credential]]:
        """Return what is on record."""

    def commit_membership(
        self,
        tokens: Mapping[str, JoinToken | None],
        credentials: Mapping[NodeId, Credential | None],
        audit: Iterable[AuditEntry] = (),
    ) -> asyncio.Future[None]:
        """Record one transaction."""


def of_nobody(_: str) -> Iterable[AuditEntry]:
    """Return no entries: the change is the manager's own, or one that workers make day by day."""
    return ()


class Membership:
    """The tokens and credentials of one cluster. One change at a time; each is durable before it counts."""

    def __init__(
        self,
        authority: Authority,
        cluster_id: str,
        record: Record,
        clock: Clock,
        life: timedelta,
        known: Callable[[], Collection[NodeId]],
        denied: Callable[[NodeId], None],
    ) -> None:
        """`known` are the nodes that the cluster has, with and without certificates. `denied` is told of each whose
        certificates so far are denied from now on."""
        self._authority = authority
        self._cluster_id = cluster_id
        self._record = record
        self._clock = clock
        self._life = life
        self._known = known
        self._denied = denied
        self._turn = asyncio.Lock()
        self.tokens: dict[str, JoinToken] = {}
        self.credentials: dict[NodeId, Credential] = {}

    async def load(self) -> None:
        """Know what is on record. Once, before anything else."""
        tokens, credentials = await self._record.membership()
        self.tokens = {token.id: token for token in tokens}
        self.credentials = {one.node_id: one for one in credentials}

    def denies(self, node_id: NodeId, era: int) -> bool:
        """Whether a certificate of the node of that era was revoked."""
        one = self.credentials.get(node_id)
        return one is not None and one.denies(era)

    async def make_token(
        self, ttl: float, uses: int, node_id: NodeId | None, audit: Audit = of_nobody
    ) -> JoinSecret:
        """Return a new token. `ttl` in seconds. Expired ones are forgotten by the way."""
        _check_wish(ttl, uses)
        secret = mint_secret(self._authority.signer.pin)
        now_ms = self._now_ms()
        token = JoinToken(
            id=secret.id,
            secret_hash=hash_secret(secret.secret),
            made_ms=now_ms,
            expires_ms=now_ms + round(ttl * 1000),
            uses=uses,
            node_id=node_id,
        )
        async with self._turn:
            expired = [one.id for one in self.tokens.values() if one.expires_ms <= now_ms]
            if len(self.tokens) - len(expired) >= MOST_TOKENS:
                raise Conflict(
                    f"{MOST_TOKENS} join tokens are valid", hint="remove some: `cube join-token rm`"
                )
            told = audit(_words(token))
            await self._store({**dict.fromkeys(expired), token.id: token}, {}, told)
        return secret

    async def remove_token(self, id: str, audit: Audit = of_nobody) -> None:
        """Make a token worthless. NotFound when there is none of that id."""
        async with self._turn:
            if id not in self.tokens:
                raise NotFound(f"there is no join token {id!r}", hint="`cube join-token ls`")
            await self._store({id: None}, {}, audit(id))

    async def remove_all_tokens(self) -> None:
        """Make all worthless: they name a root that signs no more."""
        async with self._turn:
            await self._store(dict.fromkeys(self.tokens), {}, ())

    async def join(self, asked: JoinRequest, audit: Audit = of_nobody) -> Certified:
        """Let a machine in. NotAllowed with the reason when it is not; the same key may ask again."""
        if not _NODE_ID.fullmatch(asked.node_id):
            raise InvalidInput((Objection("node_id", "is no id of a node"),))
        key = await asyncio.to_thread(key_of_request, asked.request)
        wanted, now_ms = NodeId(asked.node_id), self._now_ms()
        async with self._turn:
            token = redeem(self.tokens.get(asked.id), hash_secret(asked.secret), key, now_ms)
            if isinstance(token, Denied):
                raise NotAllowed(token.reason, hint=token.hint)
            node_id = node_for(key, wanted, token, self.credentials, self._known())
            if isinstance(node_id, Denied):
                raise NotAllowed(node_id.reason, hint=node_id.hint)
            log.info("node %s joins by token %s", node_id, token.id)
            told = audit(f"node {node_id} by join token {token.id}")
            return await self._issue(node_id, key, asked.request, {token.id: token}, told)

    async def renew(self, node_id: NodeId, request: str) -> Certified:
        """Return a new certificate for the node's own key. NotAllowed for another key."""
        key = await asyncio.to_thread(key_of_request, request)
        async with self._turn:
            before = self.credentials.get(node_id)
            if before is not None and before.key != key:
                raise NotAllowed(
                    f"the request is for another key than that of node {node_id}",
                    hint="a new key needs a token: `cube join-token create --node`",
                )
            return await self._issue(node_id, key, request, {}, ())

    async def revoke(self, node_id: NodeId, audit: Audit = of_nobody) -> None:
        """Deny all certificates that the node has. May be repeated."""
        async with self._turn:
            denied = revoked(self.credentials.get(node_id), node_id)
            await self._store({}, {node_id: denied}, audit(node_id))
        log.warning("the certificates of node %s are revoked", node_id)

    async def _issue(
        self,
        node_id: NodeId,
        key: str,
        request: str,
        tokens: Mapping[str, JoinToken],
        audit: Iterable[AuditEntry],
    ) -> Certified:
        now_ms = self._now_ms()
        expires_ms = now_ms + round(self._life.total_seconds() * 1000)
        credential = let_in(self.credentials.get(node_id), node_id, key, expires_ms)
        await self._store(tokens, {node_id: credential}, audit)
        certificate = await asyncio.to_thread(
            self._authority.issue_worker, request, node_id, credential.era, now_ms, self._life
        )
        return Certified(
            certificate=certificate,
            roots=self._authority.bundle,
            cluster_id=self._cluster_id,
            node_id=node_id,
        )

    async def _store(
        self,
        tokens: Mapping[str, JoinToken | None],
        credentials: Mapping[NodeId, Credential],
        audit: Iterable[AuditEntry],
    ) -> None:
        if not tokens and not credentials:
            return
        # Shielded: who no longer waits must not leave memory and record apart.
        await asyncio.shield(self._store_all(tokens, credentials, audit))

    async def _store_all(
        self,
        tokens: Mapping[str, JoinToken | None],
        credentials: Mapping[NodeId, Credential],
        audit: Iterable[AuditEntry],
    ) -> None:
        await self._record.commit_membership(tokens, credentials, audit)
        for id, token in tokens.items():
            if token is None:
                self.tokens.pop(id, None)
            else:
                self.tokens[id] = token
        former = {id: self.credentials.get(id) for id in credentials}
        self.credentials.update(credentials)
        for id, before in former.items():
            if credentials[id].denies(before.era if before is not None else FIRST_ERA):
                self._denied(id)

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms


def _words(token: JoinToken) -> str:
    machines = "1 machine" if token.uses == 1 else f"{token.uses} machines"
    return f"{token.id}, for {token.node_id or machines}"


def _check_wish(ttl: float, uses: int) -> None:
    objections: list[Objection] = []
    if not 1 <= ttl <= LONGEST_TTL:
        objections.append(Objection("ttl_ms", "must be between a second and 30 days"))
    if not 1 <= uses <= MOST_USES:
        objections.append(Objection("uses", f"must be from 1 to {MOST_USES}"))
    if objections:
        raise InvalidInput(tuple(objections))
