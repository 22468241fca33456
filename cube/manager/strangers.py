"""Connections that nobody has proven to own: so many and no more, so that strangers crowd out nobody.

The one that has waited longest without a request makes room. Whoever is recognised leaves and is not counted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Protocol


class Stranger(Protocol):
    """A connection."""

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered."""

    def drop(self) -> None:
        """End it now."""


class Strangers:
    """All of them, those of each address in the order in which they came."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._addresses: dict[Stranger, str] = {}
        self._of: dict[str, dict[Stranger, None]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, stranger: Stranger, address: str) -> None:
        """Count one more, and drop the oldest idle one where that is one too many."""
        if len(neighbours := self._of.get(address, {})) >= self._most_of_one:
            self._make_room(neighbours)
        elif len(self._addresses) >= self._most:
            self._make_room(self._addresses)
        self._addresses[stranger] = address
        self._of.setdefault(address, {})[stranger] = None

    def leave(self, stranger: Stranger) -> None:
        """Count it no more: it is known now, or gone. Repeats safely."""
        address = self._addresses.pop(stranger, None)
        if address is not None:
            neighbours = self._of[address]
            neighbours.pop(stranger, None)
            if not neighbours:
                del self._of[address]

    def _make_room(self, crowd: Iterable[Stranger]) -> None:
        waiting = list(crowd)
        oldest = next(chain((one for one in waiting if one.idle), waiting))
        self.leave(oldest)
        oldest.drop()
