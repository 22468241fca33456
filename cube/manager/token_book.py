"""The tokens that are on record: given out, recognised, taken back. Durable first, then in force.

Invariants
- The token itself is told once, to whoever asked for it, and is nowhere else.
- Taken back or expired, it opens nothing, and what it had opened is cut.
- That it is used is noted at most once an hour, with whatever else is noted then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from cube.aio.wakeup import Wakeup
from cube.errors import CubeError, NotFound
from cube.manager.doors import TokenRecords
from cube.manager.presence import Presence
from cube.model.audit import AuditEntry
from cube.model.role import Role
from cube.model.token import Token, TokenId
from cube.security import tokens
from cube.security.principal import Principal, Proof

log = logging.getLogger(__name__)

USES_GATHERED_SECONDS = 60.0  # uses of many tokens become one transaction
LONGEST_SLEEP_SECONDS = 3600.0  # the wall clock may be set meanwhile


class TokenBook:
    """All tokens by their id. `run` notes uses and cuts what has expired."""

    def __init__(
        self, records: TokenRecords, presence: Presence, now_ms: Callable[[], int]
    ) -> None:
        self._records = records
        self._presence = presence
        self._now_ms = now_ms
        self._tokens: dict[TokenId, Token] = {}
        self._used: set[TokenId] = set()
        self._wakeup = Wakeup()

    async def load(self) -> None:
        """Know those that are on record."""
        self._tokens = {token.id: token for token in await self._records.tokens()}

    def all(self) -> list[Token]:
        """Return those that are on record, the expired too, oldest first."""
        return sorted(self._tokens.values(), key=lambda token: (token.created_ms, token.id))

    def recognise(self, text: str) -> Principal | None:
        """Return whose token that is; None when it is none, is not on record, or has expired."""
        if (shown := tokens.parse(text)) is None:
            return None
        token = self._tokens.get(shown.id)
        if not tokens.fits(shown, token.digest if token else None):
            return None
        now_ms = self._now_ms()
        if token is None or token.expired(now_ms):
            return None
        if token.use_is_news(now_ms) and token.id not in self._used:
            self._used.add(token.id)
            self._wakeup.set()
        return principal_of(token)

    async def create(
        self,
        *,
        name: str,
        role: Role,
        ttl_ms: int,
        by: str,
        audit: Callable[[Token], Iterable[AuditEntry]],
    ) -> tuple[Token, str]:
        """Put a new one on record and return it with its text, which nobody can tell again."""
        secret = tokens.mint()
        while secret.id in self._tokens:
            secret = tokens.mint()
        now_ms = self._now_ms()
        token = Token(
            id=secret.id,
            name=name,
            digest=secret.digest,
            role=role,
            created_ms=now_ms,
            expires_ms=now_ms + ttl_ms,
            created_by=by,
        )
        await self._records.commit_tokens({token.id: token}, audit(token))
        self._tokens[token.id] = token
        self._wakeup.set()
        return token, secret.text()

    async def remove(self, ref: str, audit: Callable[[Token], Iterable[AuditEntry]]) -> Token:
        """Take one back, by its id or its name, and cut what it has open. NotFound."""
        token = self.find(ref)
        await self._records.commit_tokens({token.id: None}, audit(token))
        self._tokens.pop(token.id, None)
        self._used.discard(token.id)
        self._presence.cut(principal_of(token).key)
        return token

    def find(self, ref: str) -> Token:
        """Return the token of this id, or the only one of this name. NotFound."""
        if (found := self._tokens.get(TokenId(ref))) is not None:
            return found
        named = [token for token in self._tokens.values() if token.name == ref]
        if len(named) != 1:
            many = (
                f"{len(named)} tokens are called {ref!r}" if named else f"there is no token {ref!r}"
            )
            raise NotFound(many, hint="`cube token ls` shows them; the id is always one token's")
        return named[0]

    async def run(self) -> None:
        """Cut what has expired, and note uses, for ever."""
        note_at: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            if self._used and note_at is None:
                note_at = loop.time() + USES_GATHERED_SECONDS
            await self._wakeup.wait(self._rest(note_at, loop.time()))
            self._cut_expired()
            if note_at is not None and loop.time() >= note_at:
                note_at = None
                await self._note_uses()

    def _rest(self, note_at: float | None, now: float) -> float:
        now_ms = self._now_ms()
        coming = [
            (token.expires_ms - now_ms) / 1000
            for token in self._tokens.values()
            if token.expires_ms > now_ms
        ]
        if note_at is not None:
            coming.append(note_at - now)
        return max(0.0, min([*coming, LONGEST_SLEEP_SECONDS]))

    def _cut_expired(self) -> None:
        now_ms = self._now_ms()
        for token in self._tokens.values():
            if token.expired(now_ms):
                self._presence.cut(principal_of(token).key)

    async def _note_uses(self) -> None:
        used = [self._tokens[id] for id in self._used if id in self._tokens]
        self._used.clear()
        now_ms = self._now_ms()
        noted = {token.id: replace(token, used_ms=now_ms) for token in used}
        try:
            await self._records.commit_tokens(noted)
        except CubeError as error:  # a full disk: the next use is news again
            log.warning("the use of %d tokens was not noted: %s", len(noted), error)
            return
        self._tokens.update({id: token for id, token in noted.items() if id in self._tokens})


def principal_of(token: Token) -> Principal:
    """Return who carries the token."""
    return Principal(Proof.TOKEN, token.id, token.name, frozenset({token.role}))
