"""The lines between hosts and the manager: ordered like TCP within a connection, late, cut, broken, half open.

Nothing is lost, doubled or overtaken within a connection, because TCP allows none of it. Messages of a connection
that one side has given up still arrive, though, and two connections know no order between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntEnum

from tests.simulation.faults import Air, Fault
from tests.simulation.schedule import Schedule

Hear = Callable[[object], None]


class Side(IntEnum):
    """Who speaks: each direction is named for its speaker."""

    WORKER = 0
    MANAGER = 1


class Line:
    """A host's way to the manager and back. Either direction can be cut by itself."""

    def __init__(self, schedule: Schedule, air: Air) -> None:
        self.schedule = schedule
        self.air = air
        self.cut = [False, False]  # by speaker
        self._connections: list[Connection] = []

    def connect(self) -> Connection:
        """Return a connection that is open. Its ends say with `hears` who listens there."""
        self._connections = [one for one in self._connections if not one.over]
        connection = Connection(self)
        self._connections.append(connection)
        return connection

    @property
    def whole(self) -> bool:
        """Whether a new connection can be made: that takes both directions."""
        return not any(self.cut)

    def set(self, side: Side, *, cut: bool) -> None:
        """Cut or heal what that side says. What it said meanwhile is sent again some time after the healing."""
        self.cut[side] = cut
        if not cut:
            for connection in self._connections:
                self.schedule.after(self.air.random.uniform(0.0, 1.0), connection.flush, side)

    def fall_silent(self) -> None:
        """The host is gone, without a farewell."""
        for connection in self._connections:
            connection.vanish(Side.WORKER)

    def delay(self) -> float:
        """Return how long the next message takes."""
        random = self.air.random
        if self.air.strikes(Fault.SLOW):
            return random.uniform(0.05, 4.0) if random.random() < 0.5 else random.uniform(0.0, 0.3)
        return 0.0005 + 0.002 * random.random()


class Connection:
    """One TCP connection: two directions, each in order."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._hears: list[Hear | None] = [None, None]  # by speaker: who hears what it says
        self._last = [0.0, 0.0]
        self._stuck: tuple[deque[object], deque[object]] = (deque(), deque())
        self._closed = [False, False]
        self.over = False  # nothing arrives any more

    def hears(self, side: Side, hear: Hear) -> None:
        """What `side` says is heard by this from now on; None says that it hung up."""
        self._hears[side] = hear

    def say(self, side: Side, message: object) -> None:
        """Send a message. It may never arrive."""
        if self.over or self._closed[side]:
            return
        line = self._line
        due = line.schedule.now + line.delay()
        if due < self._last[side]:
            due = self._last[side]
        self._last[side] = due
        line.schedule.at(due, self._arrive, side, message)
        if line.air.strikes(Fault.BREAKS):
            self._break()

    def close(self, side: Side) -> None:
        """Hang up: what was sent still arrives, what comes is not heard."""
        self._hears[1 - side] = None
        self.say(side, None)
        self._closed[side] = True
        self.over = self.over or all(self._closed)

    def vanish(self, side: Side) -> None:
        """That side is no more, and the other is not told."""
        self._closed[side] = True
        self._hears[1 - side] = None

    def flush(self, side: Side) -> None:
        """Deliver what was held up by a cut."""
        if not self._line.cut[side]:
            stuck = self._stuck[side]
            while stuck:
                self._hear(side, stuck.popleft())

    def _break(self) -> None:
        """Somebody on the way resets the connection; one side may not hear of it."""
        self.over = True
        random = self._line.air.random
        deaf = random.randrange(4) if self._line.air.strikes(Fault.HALF_OPEN) else None
        for side in Side:
            if side != deaf:
                self._line.schedule.after(random.uniform(0.0, 0.2), self._hear, side, None)

    def _arrive(self, side: Side, message: object) -> None:
        if self.over:
            return
        if self._line.cut[side] or self._stuck[side]:
            self._stuck[side].append(message)
        else:
            self._hear(side, message)

    def _hear(self, side: Side, message: object) -> None:
        hear = self._hears[side]
        if hear is not None:
            hear(message)
