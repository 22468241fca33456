"""The same crashes and cuts under Docker Swarm, in the same lab, by the same clock."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from tests.lab.aims import Measured, times_table
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.stories import seconds_of, throughout
from tests.scenarios.processes import SERVE, eventually

ROUNDS = 10
REPLACED_SECONDS = 120.0
SERVICE = "web"
STEADY_SECONDS = 5.0  # what a return brings about is over by then
TOLD_SECONDS = 15.0  # an agent hears of another pace with its next beat, up to 5 s later


def measure(rounds: int = ROUNDS) -> str:
    """Return Swarm's figures as a Markdown table. Its manager has a fourth host for itself, as cube's has."""
    lab = Lab.up(f"w{os.getpid()}", 4, owned=True, live_restore=False)
    try:
        manager, *workers = lab.hosts.values()
        _form(manager, workers)
        kills = [_kill(workers) for _ in range(rounds)]
        crashes = [_crash(manager, workers) for _ in range(rounds)]
        cuts = [_cut(manager, workers) for _ in range(rounds)]
        manager.docker("swarm", "update", "--dispatcher-heartbeat", "1s")
        throughout(TOLD_SECONDS, lambda: True, bool)
        quick = [_crash(manager, workers) for _ in range(rounds)]
    finally:
        lab.down()
    return times_table(
        [
            Measured("Swarm: host crash to replacement running", crashes),
            Measured("the same with its heartbeat at 1 s", quick),
            Measured("Swarm: cut to replacement running", cuts),
            Measured("Swarm: container killed to its replacement running", kills),
        ]
    )


def _form(manager: Host, workers: list[Host]) -> None:
    manager.docker("swarm", "init", "--advertise-addr", manager.address)
    token = manager.docker("swarm", "join-token", "--quiet", "worker").strip()
    for worker in workers:
        worker.docker("swarm", "join", "--token", token, f"{manager.address}:2377")
    (own,) = manager.docker("node", "ls", "--quiet", "--filter", "role=manager").split()
    manager.docker("node", "update", "--availability", "drain", own)
    manager.docker("service", "create", "--detach", "--name", SERVICE, "--replicas",
                   str(len(workers)), "busybox:latest", *SERVE)  # fmt: skip
    _settle(manager, workers)


def _settle(manager: Host, workers: list[Host]) -> None:
    """Wait until every worker is ready and all replicas run."""
    eventually(
        lambda: manager.docker("node", "ls", "--format", "{{.Status}}").split(),
        lambda seen: seen == ["Ready"] * (len(workers) + 1),
        60,
    )
    eventually(lambda: _running(workers), lambda seen: len(seen) == len(workers), 60)
    throughout(STEADY_SECONDS, lambda: True, bool)


def _running(hosts: list[Host]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for host in hosts:
        label = f"label=com.docker.swarm.service.name={SERVICE}"
        ids = host.docker("ps", "--quiet", "--filter", label).split() if host.up else []
        found += json.loads(host.docker("inspect", *ids) or "[]") if ids else []
    return found


def _victim(workers: list[Host]) -> Host:
    return next(host for host in workers if _running([host]))


def _replaced(workers: list[Host], lost: Host, at: float) -> float:
    """Wait until all replicas run elsewhere; return how long after `at` the last of them ran."""
    others = [host for host in workers if host is not lost]
    seen = eventually(
        lambda: _running(others), lambda found: len(found) == len(workers), REPLACED_SECONDS
    )
    return max(seconds_of(one["State"]["StartedAt"]) for one in seen) - at


def _crash(manager: Host, workers: list[Host]) -> float:
    host = _victim(workers)
    took = _replaced(workers, host, host.crash())
    host.start()
    _settle(manager, workers)
    return took


def _cut(manager: Host, workers: list[Host]) -> float:
    host = _victim(workers)
    at = time.time()
    host.cut()
    took = _replaced(workers, host, at)
    host.heal()
    _settle(manager, workers)
    return took


def _kill(workers: list[Host]) -> float:
    """Kill one container; the service's next task starts elsewhere or there."""
    host = _victim(workers)
    (old, *_) = _running([host])
    at = host.kill_container(old["Id"])

    def newest() -> float:
        starts = [seconds_of(one["State"]["StartedAt"]) for one in _running(workers)]
        return max(starts) if len(starts) == len(workers) else 0.0

    took = eventually(newest, lambda started: started > at, REPLACED_SECONDS) - at
    throughout(STEADY_SECONDS, lambda: True, bool)
    return took
