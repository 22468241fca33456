"""Sealing what the ledger keeps of secrets: AES-256-GCM under a key that is in a file of its own, never in a backup.

What is sealed is bound to its name and version: moved to another record, it does not open.
"""

from __future__ import annotations

import os
from pathlib import Path

from cube.errors import Conflict

KEY_FILE = "secrets.key"
_KEY_BYTES, _NONCE_BYTES = 32, 12


class KeyLost(Conflict):
    """The key is gone, or is not the one that the secrets were sealed with."""


class Sealer:
    """Seals and opens under one key. Shows it in no repr."""

    def __init__(self, key: bytes) -> None:
        # Not above: a manager without secrets starts without it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def seal(self, name: str, version: int, value: bytes) -> bytes:
        """Return the value as it may be written down, different each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, _bound(name, version))

    def open(self, name: str, version: int, sealed: bytes) -> bytes:
        """Return the value. KeyLost when it was sealed with another key, or as something else, or was changed."""
        from cryptography.exceptions import InvalidTag

        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, _bound(name, version))
        except (InvalidTag, ValueError):
            raise KeyLost(
                f"secret {name} does not open with the key in {KEY_FILE}: it was sealed with another, or was changed",
                hint=_HINT,
            ) from None


_HINT = f"put the {KEY_FILE} of then back, or set the secrets again after `cube secret rm`"


def _bound(name: str, version: int) -> bytes:
    return f"{name}\n{version}".encode()


def load_key(folder: Path, *, make: bool) -> Sealer:
    """Return the sealer with the key of this data directory; `make` one where there is none.

    KeyLost where there is none and none is to be made, or others could read it.
    """
    path = folder / KEY_FILE
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if not make:
            raise KeyLost(f"the key of the secrets, {path}, is gone", hint=_HINT) from None
        return Sealer(_make(path))
    except OSError as error:
        raise KeyLost(
            f"the key of the secrets, {path}, cannot be read: {error.strerror}"
        ) from error
    with os.fdopen(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_mode & 0o077:
            raise KeyLost(
                f"others may read {path}", hint=f"chmod 600 {path}, and change the secrets"
            )
        key = opened.read(_KEY_BYTES + 1)
    if len(key) != _KEY_BYTES:
        raise KeyLost(f"{path} is not a key of {_KEY_BYTES} bytes", hint=_HINT)
    return Sealer(key)


def _make(path: Path) -> bytes:
    key = os.urandom(_KEY_BYTES)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # of a process that died over it: nothing is sealed with that one
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # a secret must not outlive its key in a power cut
        os.fsync(folder)
    finally:
        os.close(folder)
    return key
