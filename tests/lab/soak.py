"""A long time on bad wires: how many nodes are taken for lost that only lose packets."""

from __future__ import annotations

import os
from collections import Counter

from cube.model.event import EventKind
from cube.wire.views import EventView
from tests.bench.figures import table
from tests.lab.lab import Lab
from tests.lab.stories import copies, serve, throughout

MINUTES = 30
LOST_PERCENT = 10.0
COUNTED = (EventKind.NODE_SUSPECT, EventKind.NODE_LOST, EventKind.ALLOCATION_LOST)


def measure(minutes: int = MINUTES) -> str:
    """Return what was recorded while every tenth packet of every host was lost, as a Markdown table."""
    lab = Lab.up(f"s{os.getpid()}", 3, owned=True)
    try:
        serve(lab, "web")
        before = copies(lab, "web")
        (last,) = lab.client.events(limit=1)
        for host in lab.hosts.values():
            host.lose(LOST_PERCENT)
        throughout(minutes * 60, lambda: lab.client.healthy(), bool, every=5)
        seen = Counter(event.kind for event in _after(lab, last.revision))
        same = copies(lab, "web") == before
    finally:
        lab.down()
    rows = [(kind.value, str(seen[kind])) for kind in COUNTED]
    rows.append(("containers that are still the same", "all" if same else "not all"))
    title = (
        f"{len(lab.hosts)} hosts, {LOST_PERCENT:g} % of the packets lost each way, {minutes} min"
    )
    return table((title, ""), rows)


def _after(lab: Lab, revision: int) -> list[EventView]:
    """Every event after a revision, page after page."""
    found: list[EventView] = []
    while page := lab.client.events(after=found[-1].revision if found else revision, limit=1000):
        found += page
    return found
