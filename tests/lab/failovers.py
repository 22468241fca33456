"""How soon lost work runs again: crashes of hosts, cuts of wires, and kills of single containers."""

from __future__ import annotations

import os
import time

from tests.lab.aims import Aim, Measured, times_table
from tests.lab.lab import Lab
from tests.lab.stories import copies, replaced, running, seconds_of, serve, single, victim
from tests.scenarios.processes import SERVE, eventually

ROUNDS = 30
SPARE_SECONDS = 15.0  # for a return, when three times the promised time is over
REPLACED = Aim(p50=5, p99=6)
RESTARTED = Aim(p50=0.45)
SINGLE_AGAIN = Aim(most=5)


def measure(rounds: int = ROUNDS) -> str:
    """Return the figures as a Markdown table."""
    lab = Lab.up(f"f{os.getpid()}", 3, owned=True)
    try:
        serve(lab, "web")
        crashes, boots = _crashes(lab, rounds)
        cuts, heals = _cuts(lab, rounds)
        kills = _kills_measured(lab, rounds)
    finally:
        lab.down()
    return times_table(
        [
            Measured("host crash to replacement running", crashes, REPLACED),
            Measured("cut to replacement running", cuts, REPLACED),
            *kills,
            Measured("boot of a crashed host to one copy of each slot", boots),
            Measured("end of a cut to one copy of each slot", heals, SINGLE_AGAIN),
        ]
    )


def measure_kills(rounds: int = ROUNDS) -> str:
    """Return how soon a single container is replaced in place, as a Markdown table."""
    lab = Lab.up(f"k{os.getpid()}", 3, owned=True)
    try:
        return times_table(_kills_measured(lab, rounds))
    finally:
        lab.down()


def _kills_measured(lab: Lab, rounds: int) -> list[Measured]:
    return [
        Measured("container killed to its replacement running", _kills(lab, rounds), RESTARTED),
        Measured("the same by the engine alone: kill, create, start", _kills_by_hand(lab, rounds)),
    ]


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
        at = lab.host(old.node).kill_container(old.container_id or "")
        kills.append(_started_after(lab, task, at) - at)
        lab.client.stop(task)
    return kills


def _kills_by_hand(lab: Lab, rounds: int) -> list[float]:
    """Kill a container of nobody's and start another as soon as the engine is done: what no worker can outdo."""
    host = lab.host("h1")
    took = []
    for _ in range(rounds):
        old = host.start_container("busybox:latest", SERVE)
        at = host.kill_container(old)
        new = host.start_container("busybox:latest", SERVE)
        started = host.docker("inspect", "--format", "{{.State.StartedAt}}", new)
        took.append(seconds_of(started.strip()) - at)
        host.docker("rm", "--force", old, new)
    return took


def _started_after(lab: Lab, task: str, at: float) -> float:
    """Wait until a container of the task has started after that wall time; return when."""

    def starts() -> list[float]:
        return [one.started_at for slot in copies(lab, task).values() for one in slot]

    return max(eventually(starts, lambda seen: max(seen, default=0) > at, SPARE_SECONDS))
