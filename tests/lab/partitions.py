"""Random partitions: what they move, how long two copies live, and whether `on_disconnect: stop` keeps its promise."""

from __future__ import annotations

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from tests.bench.figures import percentile, table
from tests.lab.aims import kept
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.stories import running, serve, single, throughout, victim
from tests.lab.wire import Direction

ROUNDS = 50
SEED = 1
SHORTEST, LONGEST = 0.5, 12.0
GLITCHES = 10
GLITCH_SECONDS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
COLUMNS = ("partition", "n", "of which moved work", "longest that moved nothing s", "shortest that moved s",
           "one copy again p50 s", "most s", "overlap of `stop` most ms", "kept")  # fmt: skip
HARMLESS_SECONDS = 3.0  # a cut this long moves nothing
SINGLE_SECONDS = 5.0  # after its end each slot has one copy again

KINDS: dict[str, tuple[Callable[[Host], None], Callable[[Host], None]]] = {
    "both ways": (Host.cut, Host.heal),
    "host to manager": (lambda host: host.cut(Direction.TO_MANAGER), Host.heal),
    "manager to host": (lambda host: host.cut(Direction.FROM_MANAGER), Host.heal),
    "worker frozen": (Host.hang_worker, Host.continue_worker),
}


class Trial(NamedTuple):
    """One partition and what came of it."""

    kind: str
    seconds: float
    moved: bool
    single_after: float
    overlap: float


def measure(rounds: int = ROUNDS) -> str:
    """Return what came of so many partitions, of one seed, as a Markdown table."""
    draw = random.Random(SEED)
    lab = Lab.up(f"p{os.getpid()}", 3, owned=True)
    try:
        serve(lab, "web")
        serve(lab, "only", on_disconnect="stop")
        trials = [
            _trial(lab, draw.choice(sorted(KINDS)), draw.uniform(SHORTEST, LONGEST))
            for _ in range(rounds)
        ]
    finally:
        lab.down()
    kinds = sorted({trial.kind for trial in trials})
    return table(
        COLUMNS, [_row(kind, [one for one in trials if one.kind == kind]) for kind in kinds]
    )


def measure_glitches(rounds: int = GLITCHES) -> str:
    """Return how often short cuts of each length moved work, as a Markdown table."""
    draw = random.Random(SEED)
    lab = Lab.up(f"g{os.getpid()}", 3, owned=True)
    rows = []
    try:
        serve(lab, "web")
        for seconds in GLITCH_SECONDS:
            moved = 0
            for _ in range(rounds):
                throughout(draw.random(), lab.client.healthy, bool)  # hits a beat anywhere
                moved += _trial(lab, "both ways", seconds).moved
            rows.append((f"{seconds:g}", str(rounds), str(moved)))
    finally:
        lab.down()
    return table(("cut s", "n", "of which moved work"), rows)


def _trial(lab: Lab, kind: str, seconds: float) -> Trial:
    host = victim(lab, "web")
    begin, end = KINDS[kind]
    before = _generations(lab)
    at = time.time()
    begin(host)
    throughout(seconds, lab.client.healthy, bool)
    end(host)
    ended = time.monotonic()
    lab.boot([host])  # heard again: if it was given up, that is known by now
    for task in lab.client.tasks():
        single(lab, task.name, 30)
    again = time.monotonic() - ended
    overlap = _overlap(lab, "only", at)
    return Trial(kind, seconds, _generations(lab) != before, again, overlap)


def _generations(lab: Lab) -> dict[str, dict[int, int]]:
    tasks = lab.client.tasks()
    return {
        task.name: {slot: one.generation for slot, one in running(task).items()} for task in tasks
    }


def _overlap(lab: Lab, task: str, since: float) -> float:
    """Return the longest time for which two containers of one slot ran side by side, as the engines tell it."""
    starts: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    ends: dict[str, float] = {}
    for host in lab.hosts.values():
        lines = host.docker(
            "events", "--since", f"{since - 1:.3f}", "--until", f"{time.time():.3f}", "--format", "{{json .}}",
            "--filter", f"label=cube.task.name={task}", "--filter", "event=start", "--filter", "event=die",
        ).splitlines()  # fmt: skip
        for event in map(json.loads, lines):
            container, at = event["Actor"]["ID"], event["timeNano"] / 1e9
            slot = event["Actor"]["Attributes"]["cube.slot"]
            if event["Action"] == "die":
                ends[container] = at
                starts[slot].append((since, container))  # or later, where its start was told too
            else:
                starts[slot].append((at, container))
    pairs = (
        min(ends.get(one, later), ends.get(other, time.time())) - later
        for slot in starts.values()
        for earlier, one in slot
        for later, other in slot
        if one != other and earlier <= later
    )
    return max((0.0, *pairs))


def _row(kind: str, trials: list[Trial]) -> tuple[str, ...]:
    still = [one.seconds for one in trials if not one.moved]
    moved = [one.seconds for one in trials if one.moved]
    again = [one.single_after for one in trials]
    return (
        kind,
        str(len(trials)),
        str(len(moved)),
        f"{max(still):.2f}" if still else "-",
        f"{min(moved):.2f}" if moved else "-",
        f"{percentile(again, 0.5):.2f}",
        f"{max(again):.2f}",
        f"{max(one.overlap for one in trials) * 1000:.0f}",
        kept(all(map(_promises_kept, trials))),
    )


def _promises_kept(trial: Trial) -> bool:
    return (
        not (trial.moved and trial.seconds <= HARMLESS_SECONDS)
        and trial.single_after <= SINGLE_SECONDS
        and not trial.overlap
    )
