"""How much strangers and callers may ask for: a bucket of tokens for each, and a bound on how many are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

REMEMBERED = (
    10_000  # callers; the one that was quiet longest is forgotten, its bucket is the fullest
)


class Buckets:
    """A bucket for each key that holds `most` and fills by `rate` a second. `clock` tells monotonic seconds."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Take one from the bucket. Return 0, or where it is empty the seconds after which there is one again."""
        now = self._clock()
        held = self._held(key, now)
        if held < 1:
            self._keep(key, held, now)
            return max(1, ceil((1 - held) / self._rate))
        self._keep(key, held - 1, now)
        return 0

    def _held(self, key: str, now: float) -> float:
        held, at = self._buckets.get(key, (self._most, now))
        return min(self._most, held + (now - at) * self._rate)

    def _keep(self, key: str, held: float, now: float) -> None:
        self._buckets[key] = (held, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
