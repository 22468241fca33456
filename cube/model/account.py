"""Accounts at registries: what an engine shows to be given an image. No repr, log or view shows a password."""

from __future__ import annotations

import msgspec

MAX_USERNAME, MAX_PASSWORD_BYTES = 256, 16 * 1024  # clouds have keys of several KiB for passwords


class Account(msgspec.Struct, frozen=True, gc=False):
    """Who the cluster is to one registry, open. Kept as short as can be."""

    registry: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Account(registry={self.registry!r}, username={self.username!r}, …)"


class SealedAccount(msgspec.Struct, frozen=True, gc=False):
    """An account as the ledger keeps it."""

    registry: str
    username: str
    at_ms: int
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedAccount(registry={self.registry!r}, username={self.username!r}, …)"
