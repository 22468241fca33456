"""Machines are emptied on the real engine: what works stops when another has taken over, and not before."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.scenarios.processes import SERVE, Output, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Healthy a second after its start, so that there is a while in which a relief is no replacement yet.
WARM_UP = ["sh", "-c", "trap 'exit 0' TERM; sleep 1; touch /tmp/warm; sleep 3600 & wait"]
# Time to warm up in, as such a service is given: with none three probes that fail end it, and on a machine
# that is quick to ask it never gets warm.
HEALTH = {
    "kind": "command",
    "command": ["test", "-f", "/tmp/warm"],
    "interval_ms": 200,
    "grace_ms": 20_000,
}
REPLICAS = 4


def warm_at_each_stop(told: list[str]) -> list[int]:
    """Return how many other containers were warm whenever one was told to stop, by the engine's own events."""
    began: dict[str, int] = {}
    counts: list[int] = []
    for event in map(json.loads, told):
        if event["Action"] == "start":
            began[event["id"]] = event["timeNano"]
        elif event["Action"] == "kill" and began.pop(event["id"], None):
            counts.append(sum(event["timeNano"] - at >= 1e9 for at in began.values()))
    return counts


def events_of(task: str, since: float, file: Path) -> Output:
    """Listen to the engine from now on: it remembers 256 events of all containers, no more than seconds of probes."""
    wanted = [
        f"--filter={one}" for one in (f"label=cube.task.name={task}", "event=start", "event=kill")
    ]
    command = ["docker", "events", "--since", str(int(since)), *wanted, "--format", "{{json .}}"]
    return Output(command, None, file)


def test_a_drain_never_has_fewer_warm_than_were_asked_for(tmp_path: Path) -> None:
    began = time.time()
    name = f"warm-{int(began * 1000) % 10**8}"
    with (
        ready_cluster(tmp_path, "w1", "w2") as cluster,
        events_of(name, began, tmp_path / "events") as engine,
    ):
        web = {"name": name, "image": "busybox", "replicas": REPLICAS, "command": WARM_UP}
        cluster.client.submit({**web, "health": HEALTH})
        eventually(lambda: cluster.client.task(name).ready, lambda ready: ready == REPLICAS, 30)
        moving = [one.slot for one in cluster.client.task(name).allocations if one.node == "w1"]

        drained = cluster.cube("node", "drain", "w1", "--timeout", "60s")

        assert (drained.returncode, drained.stdout) == (0, "w1\n"), drained.stderr
        warm = eventually(
            lambda: warm_at_each_stop(engine.lines()), lambda seen: len(seen) == len(moving), 10
        )
        assert warm == [REPLICAS] * len(moving)
        assert {one.node for one in cluster.client.task(name).allocations if one.ready} == {"w2"}
        assert "takes over on w2" in drained.stderr


def test_a_drain_goes_on_after_a_crash_of_the_manager_until_its_deadline(tmp_path: Path) -> None:
    with ready_cluster(tmp_path, "w1") as cluster:
        cluster.client.submit({"name": "held", "image": "busybox", "command": list(SERVE)})
        eventually(lambda: cluster.client.task("held").ready, bool, 20)

        refused = cluster.cube("node", "drain", "w1")
        assert refused.returncode == 4
        assert "held.1 cannot leave w1: no node fits: 1 is draining (w1)" in refused.stderr
        follows = cluster.following(
            "node", "drain", "w1", "--deadline", "6s", "--progress", "json", "--timeout", "60s"
        )
        with follows as drain:
            eventually(lambda: cluster.client.drain_state("w1").deadline_at, bool, 10)
            cluster.kill("manager")
            cluster.start_manager()
            assert drain.wait(60) == 0
            told = [json.loads(line) for line in drain.complaints().splitlines()]
        assert told[-1]["type"] == "end"
        assert cluster.client.drain_state("w1").ended_at is not None
        assert "draining" in cluster.client.task("held").reason
