"""How soon lost work runs again: crashes of hosts, cuts of wires, and kills of single containers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from cube.model.timing import DEFAULT_TIMING
from tests.bench.figures import percentile, table
from tests.lab.lab import Lab
from tests.lab.stories import copies, replaced, running, serve, single, victim
from tests.scenarios.processes import eventually

ROUNDS = 30
LEASE = DEFAULT_TIMING.lost_after
COLUMNS = ("what", "n", "least s", "p50 s", "p99 s", "most s", f"p50 over the lease, {LEASE:g} s")
SPARE_SECONDS = 15.0  # for a return, when three times the promised time is over


def measure(rounds: int = ROUNDS) -> str:
    """Return the figures as a Markdown table."""
    lab = Lab.up(f"f{os.getpid()}", 3, owned=True)
    try:
        serve(lab, "web")
        crashes, boots = _crashes(lab, rounds)
        cuts, heals = _cuts(lab, rounds)
        kills = _kills(lab, rounds)
    finally:
        lab.down()
    return times_table(
        {
            "host crash to replacement running": crashes,
            "cut to replacement running": cuts,
            "container killed to replacement running": kills,
            "boot of a crashed host to one copy of each slot": boots,
            "end of a cut to one copy of each slot": heals,
        }
    )


def times_table(measured: dict[str, list[float]]) -> str:
    """Return a row per name; beside the lease, after which a silent node is given up."""
    return table(COLUMNS, [times_row(name, samples) for name, samples in measured.items()])


def times_row(name: str, samples: Sequence[float]) -> tuple[str, ...]:
    """Return the row of one name."""
    middle = percentile(samples, 0.5)
    numbers = (min(samples), middle, percentile(samples, 0.99), max(samples))
    return (
        name,
        str(len(samples)),
        *(f"{seconds:.2f}" for seconds in numbers),
        f"{middle / LEASE:.2f}",
    )


def _crashes(lab: Lab, rounds: int) -> tuple[list[float], list[float]]:
    crashes, boots = [], []
    for _ in range(rounds):
        host = victim(lab, "web")
        at = host.crash()
        crashes.append(replaced(lab, "web", host) - at)
        began = time.monotonic()
        lab.boot([host])
        single(lab, "web", SPARE_SECONDS)
        boots.append(time.monotonic() - began)
    return crashes, boots


def _cuts(lab: Lab, rounds: int) -> tuple[list[float], list[float]]:
    cuts, heals = [], []
    for _ in range(rounds):
        host = victim(lab, "web")
        at = time.time()
        host.cut()
        cuts.append(replaced(lab, "web", host) - at)
        host.heal()
        heals.append(single(lab, "web", SPARE_SECONDS))
    return cuts, heals


def _kills(lab: Lab, rounds: int) -> list[float]:
    """Kill the container of a new task each time; its worker starts it again in place."""
    kills = []
    for number in range(rounds):
        task = serve(lab, f"killed-{number}", replicas=1)
        old = running(lab.client.task(task))[1]
        at = time.time()
        lab.host(old.node).docker("kill", old.container_id or "")
        kills.append(_started_after(lab, task, at) - at)
        lab.client.stop(task)
    return kills


def _started_after(lab: Lab, task: str, at: float) -> float:
    """Wait until a container of the task has started after that wall time; return when."""

    def starts() -> list[float]:
        return [one.started_at for slot in copies(lab, task).values() for one in slot]

    return max(eventually(starts, lambda seen: max(seen, default=0) > at, SPARE_SECONDS))
