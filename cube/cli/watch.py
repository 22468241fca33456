"""Waiting for a task: listens to events, looks at the whole, asks a follower, shows progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from cube.cli.follow import Follower, Verdict
from cube.cli.output import coloured, note, on_terminal, rich_table
from cube.cli.tables import slot_table
from cube.client.manager import ManagerClient
from cube.client.stream import Feed
from cube.errors import NotFound
from cube.wire.views import TaskDetail

TICK_SECONDS = 0.25  # how exactly grace and timeout are kept
LOOK_SECONDS = 10.0  # looks even without an event, should one have been lost
LIVE_LOOK_SECONDS = 1.0  # on a terminal: the progress of a pull is no event
LIVE_ROWS = 15  # beyond that a list scrolls away under the eye


class Display(Protocol):
    """Where progress is shown."""

    look_seconds: float

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, task: TaskDetail | None, changes: list[str]) -> None:
        """Show how it stands and what changed."""


class Silent:
    """Shows nothing."""

    look_seconds = LOOK_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, task: TaskDetail | None, changes: list[str]) -> None:
        """Show nothing."""


class Lines(Silent):
    """One line on stderr for each change."""

    def show(self, task: TaskDetail | None, changes: list[str]) -> None:
        """Print what changed."""
        for change in changes:
            note(change)


class Live:
    """The slots as a table on stderr that is redrawn in place, and left there at the end."""

    look_seconds = LIVE_LOOK_SECONDS

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        console = Console(stderr=True, highlight=False, no_color=not coloured(sys.stderr))
        self._live = RichLive(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, task: TaskDetail | None, changes: list[str]) -> None:
        """Redraw the table."""
        if task is not None:
            self._live.update(_drawn(task), refresh=True)


def display_for(quiet: bool) -> Display:
    """Return what suits who is watching."""
    if quiet:
        return Silent()
    return Live() if on_terminal(sys.stderr) else Lines()


def watch(
    client: ManagerClient,
    task_id: str,
    follower: Follower,
    display: Display,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[Verdict, TaskDetail | None]:
    """Wait until the follower has a verdict; return it with the last view. Touches nothing."""
    task = _look(client, task_id)
    with display, client.feed(task=task_id, after=_newest(task)) as feed:
        while True:
            changes = follower.see(task, monotonic())
            display.show(task, changes)
            _wait_for_news(feed, _newest(task), follower, display, monotonic)
            if follower.verdict is not None:
                return follower.verdict, task
            task = _look(client, task_id)


def _wait_for_news(
    feed: Feed, newest: int, follower: Follower, display: Display, monotonic: Callable[[], float]
) -> None:
    """Return on an event that the last view did not know, a verdict, or when it is time to look."""
    look_at = monotonic() + display.look_seconds
    while follower.verdict is None and monotonic() < look_at:
        event = feed.next(TICK_SECONDS)
        if event is not None and event.revision > newest:
            return
        display.show(None, follower.tick(monotonic()))


def _look(client: ManagerClient, task_id: str) -> TaskDetail | None:
    try:
        return client.task(task_id)
    except NotFound:
        return None


def _newest(task: TaskDetail | None) -> int:
    return task.events[-1].revision if task is not None and task.events else 0


def _drawn(task: TaskDetail) -> Any:
    table = slot_table(task, datetime.now(UTC))
    settled = ("running", "completed")
    rows = sorted(table.rows, key=lambda row: row[1].text in settled)
    drawn = rich_table(table._replace(rows=rows[:LIVE_ROWS]))
    drawn.caption = f"{task.name}: {task.ready} of {task.replicas} ready"
    drawn.caption_justify = "left"
    return drawn
