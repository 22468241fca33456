"""What the fuzzer sends: bytes, and what is known of the answer that is due."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Due(StrEnum):
    """What must come back within the deadline."""

    ANSWER = "answer"  # one whole answer: the request is whole
    HEAD = "head"  # the beginning of an answer: it goes on for as long as somebody reads
    ANYTHING = "anything"  # any answers, or the end of the connection: it may be no request at all


class Request(msgspec.Struct, frozen=True):
    """One request. `number` is all that it was made from."""

    number: int
    about: str
    data: bytes
    due: Due
    safe: bool = False  # a method that must not change anything
    stranger: bool = False  # comes from an address whose user nobody knows
    behind: bytes = b""  # sent when the answer was 101: WebSocket frames


TOKEN_ROLES = ("viewer", "operator", "shell", "admin")


def placeholder(role: str) -> bytes:
    """Return what stands in `data` for a token of this role: tokens are others each time, the bytes are not."""
    return f"@token-of-{role}@".encode()
