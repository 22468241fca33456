"""What the API takes and shows of tokens and of the audit. No token is ever shown but once, by who made it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cube.model.role import Role

DAY_MS = 24 * 3600 * 1000
TTL_MS = 90 * DAY_MS  # long enough for a program that somebody looks after, and it ends by itself
TTL_MOST_MS = 3650 * DAY_MS
TokenName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,62}$")]


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /token`: for whom, for what, for how long."""

    name: TokenName
    role: Role
    ttl_ms: Annotated[int, Meta(ge=1000, le=TTL_MOST_MS)] = TTL_MS


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is on record. `used_at` is kept to the hour."""

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime
    expired: bool
    used_at: datetime | None = None


class NewToken(TokenView, frozen=True, kw_only=True):
    """The answer to `POST /token`. `token` is told here and never again."""

    token: str

    def __repr__(self) -> str:
        return f"NewToken({self.id}, ...)"


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit. `outcome` is the status of the answer; `count`: so many denials of one kind."""

    number: int
    at: datetime
    principal: str
    name: str
    address: str
    action: str
    object: str
    outcome: int
    revision: int
    count: int


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /audit/check`: whether the chain of the audit is whole. `head` is its newest link, to be kept elsewhere."""

    whole: bool
    fault: str
    entries: int
    first: int
    last: int
    head: str
