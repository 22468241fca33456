"""Join tokens as text: `cubej1-<SHA-256 of the root's public key>-<id>-<secret>`, the binary parts in base32.

The pin comes first in reading as in use: whoever joins knows the manager by it before the secret leaves the machine.
There is no short form without it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

import msgspec

from cube.errors import InvalidInput, Objection

PREFIX = "cubej1"
SECRET_BYTES = 16
_TOKEN = re.compile(rf"{PREFIX}-([a-z2-7]{{52}})-([0-9a-f]{{8}})-([a-z2-7]{{26}})")


class JoinSecret(msgspec.Struct, frozen=True):
    """A join token that was read. Shows its secret to nobody."""

    pin: str
    id: str
    secret: str

    def __repr__(self) -> str:
        return f"JoinSecret({self.pin!r}, {self.id!r}, ...)"

    def text(self) -> str:
        """Return the token as people pass it on."""
        return f"{PREFIX}-{self.pin}-{self.id}-{self.secret}"


def mint_secret(pin: str) -> JoinSecret:
    """Return a new token for a cluster whose root has this pin."""
    return JoinSecret(pin, secrets.token_hex(4), base32(secrets.token_bytes(SECRET_BYTES)))


def read_token(text: str, source: str = "--token") -> JoinSecret:
    """Return the parts of a token. InvalidInput, which does not repeat it, when it is none."""
    found = _TOKEN.fullmatch(text.strip())
    if found is None:
        problem = f"is no join token: they begin with {PREFIX}- and have {len(PREFIX) + 89} letters"
        raise InvalidInput(
            (Objection(source, problem),),
            hint="`cube join-token create` on the manager prints a whole one",
        )
    return JoinSecret(*found.groups())


def hash_secret(secret: str) -> str:
    """Return what is kept of a secret. It is random and long, so that one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def base32(data: bytes) -> str:
    """Return bytes in lower-case base32 without padding."""
    return base64.b32encode(data).decode().rstrip("=").lower()
