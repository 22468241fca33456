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
from tests.lab.stories import Copy, copies, serve, single
from tests.scenarios.processes import SERVE, eventually

ROUNDS = 30
KILLS_PER_RESTART = 3  # so many kills of a worker for each restart of an engine
REPLICAS = 6
SPARE_SECONDS = 60.0
GONE = Aim(most=10)
SERVING, STRANGER = "web", "stranger"
COLUMNS = ("what happened", "n", "containers restarted", "moved, as the node was away for longer than a lease",
           "strangers touched", "kept")  # fmt: skip


class Blow(NamedTuple):
    """One fault and what came of it."""

    what: str
    restarted: int
    moved: int
    strangers: int
    orphan_seconds: float | None = None  # the worker's start until what was ordered away is gone


class Before(NamedTuple):
    """What is not to change."""

    serving: dict[int, Copy]
    strangers: set[str]


def measure(rounds: int = ROUNDS) -> str:
    """Return what so many kills of a worker, and a third as many restarts of an engine, did, as Markdown tables."""
    lab = Lab.up(f"r{os.getpid()}", 3, owned=True)
    try:
        serve(lab, SERVING, replicas=REPLICAS)
        for host in lab.hosts.values():
            host.docker("run", "--detach", "--name", STRANGER, "busybox:latest", *SERVE)
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
    before = _seen(lab)
    host.kill_worker()
    lab.client.stop(orphan)
    began = time.monotonic()
    host.start_worker()
    eventually(lambda: copies(lab, orphan), lambda left: not left, SPARE_SECONDS)
    took = time.monotonic() - began
    return _compared(lab, "worker killed", host, before, took)


def _restarted_engine(lab: Lab, host: Host) -> Blow:
    before = _seen(lab)
    host.restart_engine()
    return _compared(lab, "engine restarted, live-restore", host, before)


def _compared(
    lab: Lab, what: str, host: Host, before: Before, orphan_seconds: float | None = None
) -> Blow:
    """Wait until all is well again, and compare."""
    lab.boot([host])
    single(lab, SERVING, SPARE_SECONDS)
    after = _seen(lab)
    changed = [
        (one, after.serving[slot])
        for slot, one in before.serving.items()
        if one.life != after.serving[slot].life
    ]
    restarted = sum(old.generation == new.generation for old, new in changed)
    gone = len(before.strangers - after.strangers)
    return Blow(what, restarted, len(changed) - restarted, gone, orphan_seconds)


def _seen(lab: Lab) -> Before:
    serving = {slot: one for slot, (one, *_) in copies(lab, SERVING).items()}
    form = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"
    strangers = {
        f"{host.name} {host.docker('inspect', '--format', form, STRANGER).strip()}"
        for host in lab.hosts.values()
    }
    return Before(serving, strangers)


def _row(what: str, blows: list[Blow]) -> tuple[str, ...]:
    those = [one for one in blows if one.what == what]
    counts = [
        sum(one.restarted for one in those),
        sum(one.moved for one in those),
        sum(one.strangers for one in those),
    ]
    return (what, str(len(those)), *map(str, counts), kept(not any(counts)))
