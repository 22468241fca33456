"""Who hears of what the manager decided, in the order of its records."""

from __future__ import annotations

from collections.abc import Sequence

from cube.core.effects import Effects
from cube.manager.feed import Feed
from cube.manager.session import Sessions
from cube.manager.watching import Watching
from cube.model.event import TaskEvent
from cube.model.ids import NodeId
from cube.model.orders import Order


class Hearers:
    """Who hears of decisions: the workers, the followers of events, and those who watch everything."""

    def __init__(self, sessions: Sessions, feed: Feed) -> None:
        self._sessions = sessions
        self._feed = feed
        self.watching: Watching | None = None  # looks at what decides, and is told of it

    def deliver(self, node_id: NodeId, orders: list[Order]) -> None:
        """Send orders to their worker."""
        self._sessions.deliver(node_id, orders)

    def publish(self, events: Sequence[TaskEvent]) -> None:
        """Tell those who follow."""
        self._feed.publish(events)
        if self.watching is not None:
            self.watching.publish(events)

    def touched(self, effects: Effects) -> None:
        """Have shown what changed."""
        if self.watching is not None:
            self.watching.touched(effects)

    def start_over(self) -> None:
        """Let the workers come again."""
        self._sessions.close("decisions were taken back")
        if self.watching is not None:
            self.watching.start_over()
