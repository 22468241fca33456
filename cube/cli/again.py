"""`-w`: a screen that is drawn again at each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NoReturn

from cube.cli.output import lines, on_terminal
from cube.client.manager import ManagerClient

REDRAW_SECONDS = 0.2  # a burst of events is one redraw
TICK_SECONDS = 2.0  # on a terminal also without an event: ages, pulls and pauses go on
_TOP, _REST, _CLEAR = "\x1b[H", "\x1b[J", "\x1b[2J"


def draw_again(client: ManagerClient, draw: Callable[[], object]) -> NoReturn:
    """Draw now and after each event. Ends by an exception only: Ctrl-C, or a manager that stays away.

    In a pipe an empty line stands between two drawings; where `draw` returns False, nothing was drawn.
    """
    terminal = on_terminal(sys.stdout)
    sys.stdout.write(_CLEAR if terminal else "")
    revision = client.newest_revision()
    with client.feed(after=revision) as feed:
        while True:
            began = time.monotonic()
            sys.stdout.write(_TOP + _REST if terminal else "")
            drawn = draw() is not False
            sys.stdout.flush()
            feed.next(TICK_SECONDS if terminal else None)
            time.sleep(max(0.0, REDRAW_SECONDS - (time.monotonic() - began)))
            while feed.next(0.0) is not None:  # the rest of the burst is in what is drawn next
                pass
            lines([""] if drawn and not terminal else [])
