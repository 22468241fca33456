"""When each allocation wants to be looked at again, the earliest first."""

from __future__ import annotations

from heapq import heappop, heappush

from cube.model.ids import AllocationId


class Alarms:
    """At most one alarm per allocation. Setting and taking one costs the logarithm of how many there are."""

    def __init__(self) -> None:
        self._at: dict[AllocationId, float] = {}
        self._heap: list[tuple[float, AllocationId]] = []  # may hold alarms that were moved since

    def set(self, id: AllocationId, at: float | None) -> None:
        """Put the alarm of this allocation to `at`; None: it needs none."""
        if at is None:
            self._at.pop(id, None)
        elif self._at.get(id) != at:
            self._at[id] = at
            heappush(self._heap, (at, id))

    def take_due(self, now: float) -> list[AllocationId]:
        """Take away and return the allocations whose alarm has come."""
        due = []
        while (at := self.next_at()) is not None and at <= now:
            _, id = heappop(self._heap)
            del self._at[id]
            due.append(id)
        return due

    def next_at(self) -> float | None:
        """The earliest alarm."""
        while self._heap:
            at, id = self._heap[0]
            if self._at.get(id) == at:
                return at
            heappop(self._heap)
        return None
