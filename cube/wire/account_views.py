"""Accounts at registries as people give them, and what is shown of them: everything but the password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from cube.model.account import MAX_PASSWORD_BYTES, MAX_USERNAME


class AccountRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PUT /registry/{ref}`: who the cluster is to that registry from now on."""

    username: Annotated[
        str, Meta(min_length=1, max_length=MAX_USERNAME, pattern=r"^[^:\x00-\x1f]*$")
    ]
    password: Annotated[str, Meta(min_length=1, max_length=MAX_PASSWORD_BYTES)]

    def __repr__(self) -> str:
        return f"AccountRequest(username={self.username!r}, …)"


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """A registry that there is an account for."""

    registry: str
    username: str
    at: datetime
