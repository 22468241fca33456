"""One number, one request: the same on every machine and in every run."""

from __future__ import annotations

from random import Random

from tests.fuzz import broken_http, frames, operations
from tests.fuzz.request import Request

OPERATIONS, BROKEN = 0.8, 0.94
"""Up to here an operation of the API, up to there broken HTTP, and a WebSocket beyond."""


def draw(number: int) -> Request:
    """Return the request of this number."""
    dice = Random(number)
    kind = dice.random()
    if kind < OPERATIONS:
        return operations.draw(number, dice)
    return (broken_http if kind < BROKEN else frames).draw(number, dice)
