"""Following events: nothing missing, nothing twice, and nobody waited for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from cube.errors import Overloaded
from cube.manager.feed import Feed, Lagged, follow
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import NodeId, TaskId
from tests.builders import task_id

WEB, OTHER = task_id("web"), task_id("other")


class Past:
    """Recorded events."""

    def __init__(self, *revisions: int) -> None:
        self.events_of: list[TaskEvent] = [an_event(revision) for revision in revisions]
        self.looks = 0

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        newest: bool = False,
        task_id: TaskId | None = None,
        node_id: NodeId | None = None,
        kind: EventKind | None = None,
    ) -> list[TaskEvent]:
        self.looks += 1
        return [event for event in self.events_of if event.revision > after][:limit]


def an_event(revision: int, task: TaskId = WEB) -> TaskEvent:
    return TaskEvent(revision=revision, at_ms=0, kind=EventKind.TASK_CHANGED, task_id=task)


async def test_events_recorded_while_history_is_read_come_once() -> None:
    feed = Feed(queue=10, followers=1)

    class Busy(Past):
        async def events(self, **wish: object) -> list[TaskEvent]:
            if len(feed) and self.looks == 2:
                # Recorded and published between subscribing and the look: in both places.
                self.events_of.append(an_event(3))
                feed.publish([an_event(3)])
            return await super().events(**wish)  # type: ignore[arg-type]

    seen: list[int] = []
    async with aclosing(follow(feed, Busy(1, 2), 0)) as batches:
        async for batch in batches:
            seen += [event.revision for event in batch]
            if seen[-1] == 3:
                break
        feed.publish([an_event(3), an_event(4)])
        seen += [event.revision for event in await anext(batches)]
    assert seen == [1, 2, 3, 4]
    assert len(feed) == 0


async def test_silence_is_told() -> None:
    async with aclosing(follow(Feed(queue=1, followers=1), Past(), 0, pause=0.01)) as batches:
        assert await anext(batches) == []


async def test_a_slow_follower_is_let_go_and_nobody_else() -> None:
    feed = Feed(queue=2, followers=2)
    with feed.subscribe() as slow, feed.subscribe() as fast:
        for revision in range(1, 5):
            feed.publish([an_event(revision)])
            assert [event.revision for event in await fast.next(1)] == [revision]
        with pytest.raises(Lagged):
            await slow.next(1)
    assert feed.dropped == 1


async def test_a_follower_gets_only_what_it_asked_for() -> None:
    feed = Feed(queue=10, followers=1)
    with feed.subscribe(task_id=WEB) as subscription:
        feed.publish([an_event(1, OTHER), an_event(2)])
        assert [event.revision for event in await subscription.next(1)] == [2]


async def test_there_is_a_most_of_followers() -> None:
    feed = Feed(queue=1, followers=1)
    with feed.subscribe(), pytest.raises(Overloaded):
        feed.subscribe()
    with feed.subscribe():
        pass


async def test_a_closed_feed_lets_its_followers_finish() -> None:
    feed = Feed(queue=10, followers=1)
    seen: list[int] = []

    async def read() -> None:
        async for batch in follow(feed, Past(1), 0):
            seen.extend(event.revision for event in batch)

    reading = asyncio.create_task(read())
    while not len(feed):
        await asyncio.sleep(0)
    feed.publish([an_event(2)])
    feed.close()
    await reading
    assert seen == [1, 2]
