"""How often an address may try something in a minute. Remembers a bounded number of addresses."""

from __future__ import annotations

from collections import OrderedDict

WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 10_000  # some MB; who has more than that to spare is not held up by counting


class Attempts:
    """Counts attempts by address."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admit(self, address: str, now: float) -> bool:
        """Count one, and say whether it is within the limit. `now` in seconds of a clock that only goes forward."""
        since, count = self._counted.pop(address, (now, 0))
        if now - since >= WINDOW_SECONDS:
            since, count = now, 0
        self._counted[address] = (since, count + 1)
        while len(self._counted) > MOST_ADDRESSES:
            self._counted.popitem(last=False)
        return count < self._most
