"""Workers that are killed and engines that are restarted: no container notices, and what was ordered away
meanwhile goes once the worker is back. A stranger's container on the same engine is never touched."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from tests.bench.figures import table
from tests.lab.aims import Aim, Measured, kept, times_table
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.stories import copies, running, serve
from tests.scenarios.processes import SERVE, eventually

ROUNDS = 30
KILLS_PER_RESTART = 3  # so many kills of a worker for each restart of an engine
REPLICAS = 6
SPARE_SECONDS = 60.0
GONE = Aim(most=10)
STRANGER = "stranger"
COLUMNS = ("what happened", "n", "containers restarted or replaced", "strangers touched", "kept")

Life = tuple[str, float]


class Blow(NamedTuple):
    """One fault and what came of it."""

    what: str
    lives_lost: int
    strangers_lost: int
    orphan_seconds: float | None = (
        None  # from the worker's start until what was ordered away is gone
    )


def measure(rounds: int = ROUNDS) -> str:
    """Return what so many kills of a worker, and a third as many restarts of an engine, did, as Markdown tables."""
    lab = Lab.up(f"r{os.getpid()}", 3, owned=True)
    try:
        serve(lab, "web", replicas=REPLICAS)
        for host in lab.hosts.values():
            _start_stranger(host)
        hosts = list(lab.hosts.values())
        blows: list[Blow] = []
        for number in range(rounds):
            blows.append(_killed_worker(lab, hosts[number % len(hosts)], number))
            if number % KILLS_PER_RESTART == 0:
                blows.append(
                    _restarted_engine(lab, hosts[number // KILLS_PER_RESTART % len(hosts)])
                )
    finally:
        lab.down()
    orphans = [one.orphan_seconds for one in blows if one.orphan_seconds is not None]
    counts = table(COLUMNS, [_row(what, blows) for what in sorted({one.what for one in blows})])
    times = times_table(
        [Measured("worker started to what was ordered away meanwhile gone", orphans, GONE)]
    )
    return f"{counts}\n\n{times}"


def _killed_worker(lab: Lab, host: Host, number: int) -> Blow:
    """Kill a worker and stop a task while it is away: the container of that is the orphan."""
    orphan = serve(lab, f"orphan-{number}", replicas=len(lab.hosts))
    before = _lives(lab)
    strangers = _strangers(lab)
    host.kill_worker()
    lab.client.stop(orphan)
    began = time.monotonic()
    host.start_worker()
    eventually(lambda: copies(lab, orphan), lambda left: not left, SPARE_SECONDS)
    took = time.monotonic() - began
    lab.boot([host])
    return Blow(
        "worker killed", _lost(before, _lives(lab)), _lost(strangers, _strangers(lab)), took
    )


def _restarted_engine(lab: Lab, host: Host) -> Blow:
    before = _lives(lab)
    strangers = _strangers(lab)
    host.restart_engine()
    eventually(
        lambda: lab.client.node(host.name).runtime_error, lambda error: not error, SPARE_SECONDS
    )
    lab.boot([host])
    eventually(
        lambda: running(lab.client.task("web")), lambda seen: len(seen) == REPLICAS, SPARE_SECONDS
    )
    return Blow(
        "engine restarted, live-restore",
        _lost(before, _lives(lab)),
        _lost(strangers, _strangers(lab)),
    )


def _lives(lab: Lab) -> set[Life]:
    return {one.life for slot in copies(lab, "web").values() for one in slot if one.running}


def _start_stranger(host: Host) -> None:
    host.docker("run", "--detach", "--name", STRANGER, "busybox:latest", *SERVE)


def _strangers(lab: Lab) -> set[Life]:
    form = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"
    return {
        (host.docker("inspect", "--format", form, STRANGER).strip() or f"none on {host.name}", 0.0)
        for host in lab.hosts.values()
    }


def _lost(before: set[Life], after: set[Life]) -> int:
    return len(before - after)


def _row(what: str, blows: list[Blow]) -> tuple[str, ...]:
    those = [one for one in blows if one.what == what]
    lives = sum(one.lives_lost for one in those)
    strangers = sum(one.strangers_lost for one in those)
    return (what, str(len(those)), str(lives), str(strangers), kept(not lives and not strangers))
