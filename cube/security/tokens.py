"""Tokens as people carry them: `cube1_<id>_<secret>_<crc>`.

The beginning and the checksum let scanners of repositories find one that was left there; the secret has 256 bits, so a
plain hash is enough to keep: there is nothing to guess. The words of errors never hold what was given.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from zlib import crc32

import msgspec

from cube.model.token import TokenId

PREFIX = "cube1_"
_ID_BYTES = 4
_SECRET_BYTES = 32
_FORM = re.compile(r"cube1_([0-9a-f]{8})_([0-9a-f]{64})_([0-9a-f]{8})")
_NO_DIGEST = bytes(32)


class Secret(msgspec.Struct, frozen=True):
    """A token taken apart. Never printed: its words do not hold the secret."""

    id: TokenId
    secret: str

    def __repr__(self) -> str:
        return f"Secret({self.id}, ...)"

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return hashlib.sha256(self.secret.encode()).digest()

    def text(self) -> str:
        """Return it as people carry it."""
        body = f"{PREFIX}{self.id}_{self.secret}"
        return f"{body}_{crc32(body.encode()):08x}"


def mint() -> Secret:
    """Make a new one."""
    return Secret(TokenId(secrets.token_hex(_ID_BYTES)), secrets.token_hex(_SECRET_BYTES))


def parse(text: str) -> Secret | None:
    """Read a token. None when it is none: also one with a letter wrong, by its checksum."""
    if (found := _FORM.fullmatch(text)) is None:
        return None
    id, secret, _ = found.groups()
    parsed = Secret(TokenId(id), secret)
    return parsed if parsed.text() == text else None


def bearer(header: str) -> str | None:
    """Return what an Authorization header carries; None when it is of another scheme."""
    scheme, _, rest = header.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else None


def fits(shown: Secret, digest: bytes | None) -> bool:
    """Whether the digest on record is that of the token shown. Takes as long where none is on record."""
    return hmac.compare_digest(shown.digest, digest or _NO_DIGEST) and digest is not None
