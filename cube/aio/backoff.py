"""Pauses between retries: doubling, with full jitter, so that a crowd that failed together returns apart."""

from __future__ import annotations

import random
from collections.abc import Callable


def spread(seconds: float, share: float, draw: Callable[[], float] = random.random) -> float:
    """Return a time that lies up to this share before or after: what began together does not go on together."""
    return seconds * (1 + share * (2 * draw() - 1))


class Backoff:
    """A growing pause. Each `next()` lies between half of the current step and the whole of it."""

    def __init__(
        self, first: float, longest: float, draw: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._longest = longest
        self._draw = draw
        self._step = first

    def next(self) -> float:
        """Return the seconds to wait now and double the step."""
        step = self._step
        self._step = min(step * 2, self._longest)
        return step * (0.5 + self._draw() / 2)

    def reset(self) -> None:
        """Start from the first step again, after a success."""
        self._step = self._first
