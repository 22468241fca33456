"""Secrets as they are handed on: values that no repr, log or view shows."""

from __future__ import annotations

import msgspec

MAX_SECRET_BYTES = 500 * 1024
SECRETS_FOLDER = "/run/secrets"


class SecretValue(msgspec.Struct, frozen=True, gc=False):
    """One secret, open. Kept as short as can be."""

    name: str
    version: int
    value: bytes

    def __repr__(self) -> str:
        return f"SecretValue(name={self.name!r}, version={self.version}, …)"


class SealedSecret(msgspec.Struct, frozen=True, gc=False):
    """One version of a secret as the ledger keeps it. `revision`: at which of the ledger's it became the newest."""

    name: str
    version: int
    revision: int
    at_ms: int
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedSecret(name={self.name!r}, version={self.version}, …)"


class GivenSecrets(msgspec.Struct, frozen=True):
    """What the container of one run gets: a folder in this machine's memory to mount, and variables."""

    folder: str = ""
    env: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"GivenSecrets(folder={self.folder!r}, …)"


NO_SECRETS = GivenSecrets()


def pinned(versions: list[SealedSecret], revision: int) -> SealedSecret | None:
    """Return the version that an allocation made at that revision has for as long as it lives.

    The newest of then; where there was none yet, the first that came. Versions in any order.
    """
    ordered = sorted(versions, key=lambda one: one.version)
    then = [one for one in ordered if one.revision <= revision]
    return then[-1] if then else next(iter(ordered), None)
