"""A task that must never run twice, and a worker process that is frozen or dead: its container ends all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from cube.model.timing import DEFAULT_TIMING
from tests.lab.stories import seconds_of, throughout
from tests.scenarios.processes import SERVE, Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

BOUND = {
    "name": "only",
    "image": "busybox:latest",
    "command": list(SERVE),
    "restart": "never",
    "on_disconnect": "stop",
}
LEASE = DEFAULT_TIMING.lost_after


class Life:
    """How one container stands."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self.id: str = seen["Id"]
        self.runs: bool = seen["State"]["Running"]
        self.started = seconds_of(seen["State"]["StartedAt"])
        self.finished = seconds_of(seen["State"]["FinishedAt"])
        self.restart = int(seen["Config"]["Labels"]["cube.restart"])


def lives(cluster: Cluster) -> list[Life]:
    """The task's containers, the oldest first."""
    return sorted(map(Life, cluster.containers("only").values()), key=lambda one: one.started)


def running(cluster: Cluster) -> list[str]:
    return [one.id for one in lives(cluster) if one.runs]


def begin(cluster: Cluster, *workers: str) -> Life:
    """Start it on a cluster of these workers."""
    cluster.start_ready(*workers)
    cluster.client.submit(BOUND)
    eventually(lambda: cluster.client.task("only"), lambda task: task.state == "running", 20)
    (life,) = lives(cluster)
    return life


def host_of(cluster: Cluster) -> str:
    """The worker that runs it."""
    return next(
        one.node for one in cluster.client.task("only").allocations if one.phase == "running"
    )


def now() -> float:
    return datetime.now(UTC).timestamp()


@pytest.mark.parametrize("blow", [Cluster.freeze, Cluster.kill])
def test_it_is_dead_before_its_replacement_runs(
    cluster: Cluster, blow: Callable[[Cluster, str], None]
) -> None:
    first = begin(cluster, "w1", "w2")
    worker = host_of(cluster)
    struck = now()
    blow(cluster, worker)

    seen = eventually(
        lambda: lives(cluster), lambda found: len(running(cluster)) == 1 and len(found) == 2, 20
    )
    assert seen[0].id == first.id
    assert seen[0].finished < min(seen[1].started, struck + LEASE)

    if worker in cluster.processes:
        cluster.thaw(worker)
    else:
        cluster.start_worker(worker)
    eventually(lambda: [one.id for one in lives(cluster)], lambda left: left == [seen[1].id], 20)
    assert cluster.client.task("only").restarts == 0


@pytest.mark.parametrize("blow", [Cluster.freeze, Cluster.kill])
def test_a_worker_that_comes_back_starts_it_again_only_once_its_manager_says_so(
    cluster: Cluster, blow: Callable[[Cluster, str], None]
) -> None:
    first = begin(cluster, "w1")
    cluster.kill("manager")
    blow(cluster, "w1")
    eventually(lambda: running(cluster), lambda left: left == [], LEASE + 5)

    if "w1" in cluster.processes:
        cluster.thaw("w1")
    else:
        cluster.start_worker("w1")
    throughout(LEASE, lambda: running(cluster), lambda left: left == [])

    cluster.start_manager()
    eventually(lambda: running(cluster), lambda found: len(found) == 1, 20)
    assert [(one.restart, one.id == first.id) for one in lives(cluster)] == [(0, True), (1, False)]
    (allocation,) = eventually(
        lambda: cluster.client.task("only").allocations,
        lambda found: [one.phase for one in found] == ["running"],
        10,
    )
    assert allocation.generation == 1


def test_a_worker_killed_and_started_in_time_keeps_its_container(cluster: Cluster) -> None:
    first = begin(cluster, "w1")

    cluster.kill("w1")
    cluster.start_worker("w1")

    eventually(cluster.nodes_ready, lambda names: names == ["w1"], 15)
    throughout(
        2 * LEASE,
        lambda: [(one.id, one.started) for one in lives(cluster) if one.runs],
        lambda found: found == [(first.id, first.started)],
    )


def test_a_stopped_task_leaves_no_watchdog_behind_its_worker(cluster: Cluster) -> None:
    begin(cluster, "w1")
    folder = str(cluster.home / "w1")
    (watchdog,) = watchdogs(folder)
    assert watchdog.memory_info().rss < 20 * 1024**2

    cluster.client.stop("only")
    eventually(lambda: lives(cluster), lambda left: not left, 15)
    cluster.stop("w1")

    eventually(lambda: watchdogs(folder), lambda left: not left, 5)


def test_a_cluster_without_such_tasks_has_no_watchdog(cluster: Cluster) -> None:
    cluster.start_ready("w1")
    cluster.client.submit({**BOUND, "on_disconnect": "keep"})
    eventually(lambda: cluster.client.task("only"), lambda task: task.state == "running", 20)

    assert watchdogs(str(cluster.home / "w1")) == []


def watchdogs(folder: str) -> list[psutil.Process]:
    """The watchdogs of the worker whose data is there."""
    found = psutil.process_iter(["cmdline", "status"])
    return [
        one
        for one in found
        if one.info["status"] != psutil.STATUS_ZOMBIE
        and any(word.startswith(folder) for word in one.info["cmdline"] or ())
        and any(word.endswith("watchdog.py") for word in one.info["cmdline"])
    ]
