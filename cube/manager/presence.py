"""Who is here: the open requests and streams of each caller, so that a right that is taken away ends them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cube.security.principal import Principal


class Presence:
    """What is open by the key of its principal. `cut` is for whoever revokes a token or a certificate."""

    def __init__(self) -> None:
        self._open: dict[str, dict[object, Callable[[], object]]] = {}

    @contextmanager
    def enter(self, principal: Principal, abort: Callable[[], object]) -> Iterator[None]:
        """Be here for as long as the block. `abort` ends it from outside, at once and without waiting."""
        here = self._open.setdefault(principal.key, {})
        place = object()
        here[place] = abort
        try:
            yield
        finally:
            here.pop(place, None)
            if not here:
                self._open.pop(principal.key, None)

    def count(self, key: str) -> int:
        """Return how much this principal has open."""
        return len(self._open.get(key, ()))

    def cut(self, key: str) -> int:
        """End everything this principal has open; return how much that was."""
        ended = list(self._open.get(key, {}).values())
        for abort in ended:
            abort()
        return len(ended)
