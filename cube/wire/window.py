"""How much data may be under way in one direction of a tunnel: the windows of SSH's channels (RFC 4254, 5.2). Pure.

Without them a full stdin would stop the reader of the connection, and with it signals, resizes and the news that
the other side has gone.
"""

from __future__ import annotations

from cube.errors import PeerFault

WINDOW = 512 * 1024
"""Bytes. 25 MB/s over 20 ms; and what a session that stands still costs each of its ends, in each direction."""
COPY_WINDOW = 4 * 1024 * 1024
"""Of a copy, whose frames pass three processes: a busy machine takes 40 ms for the way there and back, so 100 MB/s."""


class Outgoing:
    """What may still be sent."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self.room = window

    def spend(self, count: int) -> None:
        """Count what is sent. No more than `room`."""
        assert count <= self.room
        self.room -= count

    def regain(self, count: int) -> None:
        """Count what the other side has used up. PeerFault when that was never sent."""
        self.room += count
        if self.room > self._window:
            raise PeerFault("the other side has taken more than was sent")


class Incoming:
    """What may still come, and what is to be told of it."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._waiting = 0  # came, and is not used up
        self._untold = 0  # used up, and the other side does not know

    def arrived(self, count: int) -> None:
        """Count what came. PeerFault when there was no room for it."""
        self._waiting += count
        if self._waiting + self._untold > self._window:
            raise PeerFault("the other side sent more than there was room for")

    def taken(self, count: int) -> int:
        """Count what was used up; return how much of that is to be told now, which may be nothing.

        Told in quarters of the window: a word for each byte typed would double the traffic.
        """
        self._waiting -= count
        self._untold += count
        if self._untold < self._window // 4:
            return 0
        told, self._untold = self._untold, 0
        return told
