"""Tasks that write without end, or end without end: memory, disk and history stay bounded, and others are served."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.scenarios.processes import SERVE, Cluster, docker, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MORE_BYTES = 50 << 20
FLOOD_SECONDS = 4.0
# Lines without end: zeros, then carriage returns, then what no decoder likes.
STORM = (
    "dd if=/dev/zero bs=1048576 count=4; "
    "dd if=/dev/zero bs=1048576 count=1 | tr '\\0' '\\r'; "
    "dd if=/dev/urandom bs=1048576 count=1; echo; echo the end"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("floods"), "w1") as cluster:
        yield cluster


def submit(cluster: Cluster, name: str, *command: str, **more: object) -> None:
    cluster.client.submit({"name": name, "image": "busybox", "command": list(command), **more})


def until_ready(cluster: Cluster, name: str, seconds: float = 15) -> str:
    eventually(lambda: cluster.client.task(name).ready, lambda ready: ready == 1, seconds)
    return str(cluster.client.task(name).allocations[0].container_id)


def memory(cluster: Cluster) -> dict[str, int]:
    """What the worker and the manager have in memory now."""
    return {
        key: psutil.Process(cluster.processes[key].pid).memory_info().rss
        for key in ("w1", "manager")
    }


def grew(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {key: now[key] - before[key] for key in before if now[key] - before[key] > MORE_BYTES}


def test_a_flood_of_logs_fills_neither_memory_nor_disk(cluster: Cluster) -> None:
    submit(cluster, "flood", "yes", "x" * 100, cpus=0.5)
    submit(cluster, "calm", "sh", "-c", "while :; do echo tick; sleep 0.2; done", stop_grace="0s")
    container = until_ready(cluster, "flood")
    until_ready(cluster, "calm")
    before = memory(cluster)
    with (
        cluster.following("logs", "-f", "flood") as reader,
        cluster.following("logs", "-f", "flood") as sleeper,
        cluster.following("logs", "-f", "--tail", "1", "calm") as calm,
    ):
        eventually(lambda: len(sleeper.lines()), bool, 15)
        sleeper.signal(signal.SIGSTOP)  # it reads no more
        eventually(lambda: len(calm.lines()), bool, 15)
        end = time.monotonic() + FLOOD_SECONDS
        while time.monotonic() < end:
            heard = len(calm.lines())
            eventually(lambda heard=heard: len(calm.lines()) > heard, bool, 2)  # type: ignore[misc]
            assert grew(before, memory(cluster)) == {}
        assert set(reader.lines()) == {"flood.1 | " + "x" * 100}
        sleeper.signal(signal.SIGCONT)
    cluster.client.stop("flood")
    cluster.client.stop("calm")

    log = json.loads(docker("inspect", container))[0]["HostConfig"]["LogConfig"]
    assert log == {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "3"}}


def test_lines_without_end_are_cut_and_told_whole(cluster: Cluster) -> None:
    before = memory(cluster)
    submit(cluster, "storm", "sh", "-c", STORM)
    eventually(
        lambda: cluster.client.task("storm").state.value, lambda state: state == "completed", 20
    )
    done = cluster.cube("logs", "--tail", "2", "storm")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("storm.1 | the end\n")
    assert cluster.cube("logs", "storm").returncode == 0
    assert grew(before, memory(cluster)) == {}


def test_tasks_that_keep_ending_hold_up_nobody(cluster: Cluster) -> None:
    loops = [f"loop-{number}" for number in range(6)]
    began = time.monotonic()
    for name in loops:
        submit(cluster, name, "false", restart="always")
    for name in loops:
        eventually(lambda name=name: cluster.client.task(name).restarts, lambda n: n >= 3, 30)  # type: ignore[misc]

    # They never end, so what they held up would never be ready. The time is that of a busy machine, which also
    # starts the containers of all others.
    submit(cluster, "sane", *SERVE)
    until_ready(cluster, "sane", 15)

    # Each pause is twice the one before and at least half of that: 50 ms, 100 ms, 200 ms, ...
    for name in loops:
        task = cluster.client.task(name)
        runs = math.log2((time.monotonic() - began) / 0.05 + 1) + 1
        assert task.restarts <= runs
        told = [event for event in task.events if event.kind.value == "allocation.exited"]
        assert len(told) <= task.restarts + 1
        cluster.client.stop(name)
    written = sum(path.stat().st_size for path in Path(cluster.home / "manager").iterdir())
    assert written < 20 << 20
