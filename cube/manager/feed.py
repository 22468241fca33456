"""Recorded events to those who follow. A follower that is too slow is let go and comes back by revision."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import Self

from cube.errors import CubeError, Overloaded
from cube.manager.doors import History
from cube.model.event import TaskEvent
from cube.model.ids import NodeId, TaskId

PAGE = 500  # events of history per look into the ledger
WRITES_PER_SECOND = 2_000  # to all followers together; one takes some 50 us, however much is in it
UNPACED_FOLLOWERS = 10  # a burst for so few is over in less than a millisecond


class Lagged(CubeError):
    """The follower was slower than the events came."""

    code = "lagged"


class Feed:
    """Publishes to any number of subscriptions up to a limit; never waits for one of them."""

    def __init__(self, *, queue: int, followers: int) -> None:
        self._queue = queue
        self._limit = followers
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.dropped = 0
        """How many followers were let go because they were too slow."""

    def subscribe(
        self, *, task_id: TaskId | None = None, node_id: NodeId | None = None
    ) -> Subscription:
        """Return what takes in every event published from now on, of that task and node only. Enter it to free it.

        Overloaded when there are too many already.
        """
        self.check_room()
        subscription = Subscription(
            self._queue, wants(task_id, node_id), self._subscriptions.discard
        )
        self._subscriptions.add(subscription)
        if self._closed:
            subscription.end()
        return subscription

    def check_room(self) -> None:
        """Raise Overloaded when one more could not subscribe."""
        if len(self._subscriptions) >= self._limit:
            raise Overloaded(
                f"{self._limit} clients are following events already", hint="end one of them first"
            )

    def publish(self, events: Sequence[TaskEvent]) -> None:
        """Hand recorded events on, in the order of their revisions."""
        for subscription in self._subscriptions:
            self.dropped += subscription.take(events)

    def pause(self) -> float:
        """Return how long each follower gathers after what it was sent, by how many there are. Seconds."""
        return max(0, len(self._subscriptions) - UNPACED_FOLLOWERS) / WRITES_PER_SECOND

    def close(self) -> None:
        """End all subscriptions, also those to come."""
        self._closed = True
        for subscription in list(self._subscriptions):
            subscription.end()

    def __len__(self) -> int:
        return len(self._subscriptions)


class Subscription:
    """The events one follower has not taken yet."""

    def __init__(
        self,
        bound: int,
        wanted: Callable[[TaskEvent], bool] | None,
        left: Callable[[Subscription], None],
    ) -> None:
        self._bound = bound
        self._wanted = wanted
        self._left = left
        self._events: deque[TaskEvent] = deque()
        self._news = asyncio.Event()
        self._lagged = False
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left(self)

    def take(self, events: Sequence[TaskEvent]) -> bool:
        """Queue what is wanted of these; beyond the bound let go of everything. Whether that happened just now."""
        if self._lagged:
            return False
        # A thousand followers of everything are told of each event: they are not asked what they want.
        self._events.extend(events if self._wanted is None else filter(self._wanted, events))
        if len(self._events) > self._bound:
            self._events.clear()
            self._lagged = True
        if self._events or self._lagged:
            self._news.set()
        return self._lagged

    def end(self) -> None:
        """Let the follower take what is queued, and no more."""
        self._ended = True
        self._news.set()

    def catch_up(self) -> None:
        """Take events again after having lagged, when those in between do not matter."""
        self._lagged = False
        self._news.clear()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended and not self._events

    async def next(self, seconds: float) -> list[TaskEvent]:
        """Return what has come, or nothing when `seconds` are over. Lagged when events were let go."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return []
        if self._lagged:
            raise Lagged("events came faster than they were taken; resume by revision")
        events = list(self._events)
        self._events.clear()
        if not self._ended:
            self._news.clear()
        return events


async def follow(
    feed: Feed,
    history: History,
    after: int,
    *,
    task_id: TaskId | None = None,
    node_id: NodeId | None = None,
    pause: float = 15.0,
) -> AsyncGenerator[list[TaskEvent]]:
    """Yield all events after that revision, recorded ones and then those that come: no gap, no repeat.

    An empty list says that nothing came for `pause` seconds. Lagged when the consumer is too slow.
    """
    while page := await history.events(after=after, limit=PAGE, task_id=task_id, node_id=node_id):
        yield page
        after = page[-1].revision
    # Subscribe before the last look: what is recorded in between comes twice rather than never.
    with feed.subscribe(task_id=task_id, node_id=node_id) as subscription:
        while page := await history.events(
            after=after, limit=PAGE, task_id=task_id, node_id=node_id
        ):
            yield page
            after = page[-1].revision
        while not subscription.ended:
            fresh = [event for event in await subscription.next(pause) if event.revision > after]
            after = fresh[-1].revision if fresh else after
            yield fresh


def wants(task_id: TaskId | None, node_id: NodeId | None) -> Callable[[TaskEvent], bool] | None:
    """Return what tells the events of that task and node from others; None stands for any, also as the answer."""
    if task_id is None and node_id is None:
        return None

    def wanted(event: TaskEvent) -> bool:
        return (task_id is None or event.task_id == task_id) and (
            node_id is None or event.node_id == node_id
        )

    return wanted
