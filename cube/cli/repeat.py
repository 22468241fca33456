"""Showing something again whenever the cluster changes: what `--watch` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from cube.cli.output import lines, on_terminal
from cube.client.manager import ManagerClient

REDRAW_SECONDS = 0.2  # a burst of events is one redraw


def each_change(client: ManagerClient) -> Iterator[None]:
    """Yield at once, and again after each change, for ever. What happens between two looks is not missed."""
    while True:
        before = time.monotonic()
        revision = _newest(client)
        yield
        sys.stdout.flush()
        with client.feed(after=revision) as feed:
            feed.next()
        time.sleep(max(0.0, REDRAW_SECONDS - (time.monotonic() - before)))


def fresh_screen(*, again: bool) -> None:
    """Begin a screen on a terminal; in a pipe an empty line stands between two looks."""
    if on_terminal(sys.stdout):
        sys.stdout.write("\x1b[2J\x1b[H")
    elif again:
        lines([""])


def _newest(client: ManagerClient) -> int:
    events = client.events(limit=1)
    return events[-1].revision if events else 0
