"""New ids."""

from __future__ import annotations

import secrets

_AT_ONCE = (
    256 * 16
)  # one call to the kernel for so many bytes: one for each id can cost as much as a whole POST


class Mint:
    """Makes version 4 UUIDs in text."""

    def __init__(self) -> None:
        self._random = ""

    def __call__(self) -> str:
        """Return an id that nothing ever had."""
        if not self._random:
            self._random = secrets.token_bytes(_AT_ONCE).hex()
        raw, self._random = self._random[:32], self._random[32:]
        variant = "89ab"[
            int(raw[16], 16) & 3
        ]  # RFC 9562: these two digits say what kind of UUID it is
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{variant}{raw[17:20]}-{raw[20:]}"


mint = Mint()
