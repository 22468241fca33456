"""Waiting for what was asked for: looks again and again, asks a follower, shows progress. Changes nothing.

A manager that goes away does not end the wait: what was asked for goes on without this command, and the manager is
asked again for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Generic, Protocol, TypeVar

from cube.cli.displays import Display
from cube.cli.follow import Follower, Verdict
from cube.cli.frames import Frame, Stopwatch, drain_frame, task_frame
from cube.cli.words import duration
from cube.client.manager import ManagerClient
from cube.client.stream import Feed
from cube.errors import CubeError, ManagerAway, NotFound
from cube.wire.views import DrainView, TaskDetail

TICK_SECONDS = 0.25  # how exactly grace and timeout are kept
DRAIN_LOOK_SECONDS = (
    0.5  # what leaves a node are many tasks: its drain has no events of its own to wait for
)
AWAY_SECONDS = 60.0  # a manager that restarts is back in seconds, also on another machine's address
AWAY_PAUSE_SECONDS = 1.0

View = TypeVar("View", bound=TaskDetail | DrainView)


class Subject(Protocol[View]):
    """What is waited for: how to look at it, and how it is shown."""

    name: str

    def look(self) -> View | None:
        """Return it as it is now; None when it is no more."""

    def feed(self, view: View | None) -> Feed | None:
        """Return what tells of changes after that view; None: it is only looked at."""

    def frame(self, view: View, watch: Stopwatch, now: float) -> Frame:
        """Return what is shown of it."""

    @property
    def look_seconds(self) -> float | None:
        """How often it is looked at; None: as the display wants it."""


class WatchedTask:
    """A task, by the events it has."""

    look_seconds = None

    def __init__(self, client: ManagerClient, task_id: str, name: str) -> None:
        self.name = name
        self._client = client
        self._id = task_id

    def look(self) -> TaskDetail | None:
        """Return the task with its recent events."""
        try:
            return self._client.task(self._id)
        except NotFound:
            return None

    def feed(self, view: TaskDetail | None) -> Feed:
        """Return its events after the view."""
        return self._client.feed(task=self._id, after=newest(view), patience=AWAY_SECONDS)

    def frame(self, view: TaskDetail, watch: Stopwatch, now: float) -> Frame:
        """Return its slots."""
        return task_frame(view, watch, now)


class WatchedDrain:
    """A node that is drained, looked at twice a second."""

    look_seconds = DRAIN_LOOK_SECONDS

    def __init__(self, client: ManagerClient, ref: str) -> None:
        self.name = ref
        self._client = client

    def look(self) -> DrainView | None:
        """Return what is left on it."""
        try:
            return self._client.drain_state(self.name)
        except NotFound:
            return None

    def feed(self, view: DrainView | None) -> None:
        """Return nothing: it is looked at."""

    def frame(self, view: DrainView, watch: Stopwatch, now: float) -> Frame:
        """Return what is left on it."""
        return drain_frame(view, watch, now)


class Wait(Generic[View]):
    """One wait for one subject."""

    def __init__(
        self,
        subject: Subject[View],
        follower: Follower[View],
        display: Display,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._subject = subject
        self._follower = follower
        self._display = display
        self._monotonic = monotonic
        self._sleep = sleep
        self._stopwatch = Stopwatch()
        self._view: View | None = None
        self._away_since: float | None = None

    def result(self) -> tuple[Verdict, View | None]:
        """Wait until the follower has a verdict; return it with the last view.

        ManagerAway when the manager was away for longer than AWAY_SECONDS.
        """
        view = self._look()
        with self._display, ExitStack() as stack:
            feed = self._enter(stack, view)
            while True:
                if view is not None:
                    self._view = view
                changes = self._follower.see(view, self._monotonic())
                self._show(changes)
                self._wait_for_news(feed, newest(view))
                if (verdict := self._follower.verdict) is not None:
                    self._display.end(verdict.exit, verdict.message)
                    return verdict, view
                view = self._look()

    def _enter(self, stack: ExitStack, view: View | None) -> Feed | None:
        feed: AbstractContextManager[Feed] | None = self._subject.feed(view)
        return stack.enter_context(feed) if feed is not None else None

    def _wait_for_news(self, feed: Feed | None, known: int) -> None:
        """Return on an event that the last view did not know, a verdict, or when it is time to look."""
        pace = self._subject.look_seconds or self._display.look_seconds
        look_at = self._monotonic() + pace
        while self._follower.verdict is None and self._monotonic() < look_at:
            if feed is None:
                self._sleep(TICK_SECONDS)
            else:
                event = self._next(feed)
                if event is not None and event > known:
                    return
            self._show(self._follower.tick(self._monotonic()))

    def _next(self, feed: Feed) -> int | None:
        """Return the revision of the next event; None where none comes within a tick."""
        event = feed.next(TICK_SECONDS)
        return event.revision if event is not None else None

    def _look(self) -> View | None:
        """Look, and go on asking a manager that is away for as long as one that restarts may take."""
        while True:
            try:
                view = self._subject.look()
            except ManagerAway as away:
                self._bear(away)
            else:
                if self._away_since is not None:
                    self._show([f"{self._subject.name}: the manager answers again"])
                self._away_since = None
                return view

    def _bear(self, away: CubeError) -> None:
        now = self._monotonic()
        if self._view is None and self._away_since is None:
            raise away  # it has not answered once: it is not there, or not there yet
        if self._away_since is None:
            self._away_since = now
            words = f"the manager is away, trying for {duration(AWAY_SECONDS)}; what was asked for goes on"
            self._show([f"{self._subject.name}: {words}"])
        if now - self._away_since >= AWAY_SECONDS:
            raise away
        self._sleep(AWAY_PAUSE_SECONDS)

    def _show(self, changes: list[str]) -> None:
        if self._view is not None:
            frame = self._subject.frame(self._view, self._stopwatch, self._monotonic())
            self._display.show(frame, changes)


def watch_task(
    client: ManagerClient,
    task_id: str,
    name: str,
    follower: Follower[TaskDetail],
    display: Display,
) -> tuple[Verdict, TaskDetail | None]:
    """Wait for a task until the follower has a verdict; return it with the last view."""
    return Wait(WatchedTask(client, task_id, name), follower, display).result()


def watch_drain(
    client: ManagerClient, ref: str, follower: Follower[DrainView], display: Display
) -> tuple[Verdict, DrainView | None]:
    """Wait for the drain of a node until the follower has a verdict; return it with the last view."""
    return Wait(WatchedDrain(client, ref), follower, display).result()


def newest(view: TaskDetail | DrainView | None) -> int:
    """Return the revision of the newest event that the view knows of."""
    return view.events[-1].revision if isinstance(view, TaskDetail) and view.events else 0
