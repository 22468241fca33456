"""Token: what is on record of a token that was given to a person or a program. Never the token itself."""

from __future__ import annotations

from typing import NewType

import msgspec

from cube.model.role import Role

TokenId = NewType("TokenId", str)

USE_NOTED_EVERY_MS = (
    3600 * 1000
)  # the last use is for finding tokens nobody needs: hours are enough


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token by its id. `digest` is the SHA-256 of its secret; times are wall-clock milliseconds."""

    id: TokenId
    name: str
    digest: bytes
    role: Role
    created_ms: int
    expires_ms: int
    created_by: str
    used_ms: int | None = None  # to the hour

    def expired(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return now_ms >= self.expires_ms

    def use_is_news(self, now_ms: int) -> bool:
        """Whether a use now is worth a record: a cluster in which nothing changes writes nothing."""
        return self.used_ms is None or now_ms - self.used_ms >= USE_NOTED_EVERY_MS
