"""What people do to cube's containers with docker's own command, and what others leave on the machine."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cube.model.container import RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.spec import TaskSpec
from cube.runtime.labels import container_names, encode_label
from cube.wire.views import AllocationView, TaskDetail
from tests.scenarios.processes import Cluster, docker, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Told to stop it fails, so that its policy starts it again.
SERVE = ["sh", "-c", "trap 'exit 143' TERM; sleep 3600 & wait"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("by-hand"), "w1") as cluster:
        yield cluster


def serve(cluster: Cluster, name: str, **more: Any) -> AllocationView:
    """Submit a task and return its one allocation as soon as it is ready."""
    cluster.client.submit({"name": name, "image": "busybox", "command": SERVE, **more})
    return until(cluster, name, lambda one: one.ready)


def until(cluster: Cluster, name: str, wanted: Any, seconds: float = 15) -> AllocationView:
    """Wait until the task's one allocation is as wanted."""

    def look() -> AllocationView:
        (one,) = cluster.client.task(name).allocations
        return one

    return eventually(look, wanted, seconds)


def goes_on(cluster: Cluster, name: str, restarts: int) -> AllocationView:
    """Wait until it runs again after so many restarts; the one container that runs is the one it names."""
    one = until(cluster, name, lambda one: one.ready and one.restarts == restarts)
    assert alive(cluster, name) == {one.container_id}
    assert one.generation == 1
    return one


def alone(cluster: Cluster, name: str) -> bool:
    """Whether only the container that it names runs. The engine may have begun the former one again beside it."""
    one = until(cluster, name, lambda one: one.ready and one.restarts > 0)
    return alive(cluster, name) == {one.container_id}


def alive(cluster: Cluster, name: str) -> set[str]:
    """The containers of the task that run."""
    return {id for id, seen in cluster.containers(name).items() if seen["State"]["Running"]}


def story(task: TaskDetail) -> str:
    return "\n".join(f"{event.kind}: {event.message}" for event in task.events)


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        # Removed by force it is killed first, and the engine shows now this, now that.
        (["rm", "-f"], "its container was removed outside cube|exit 137"),
        (["stop"], "exit 143"),
        (["kill"], "exit 137"),
    ],
    ids=["rm", "stop", "kill"],
)
def test_what_is_ended_by_hand_is_started_again(
    cluster: Cluster, deed: list[str], told: str
) -> None:
    before = serve(cluster, f"by-{deed[0]}")
    docker(*deed, str(before.container_id))
    began = time.monotonic()
    after = goes_on(cluster, f"by-{deed[0]}", restarts=1)
    assert time.monotonic() - began < 5
    assert after.container_id != before.container_id
    words = story(cluster.client.task(f"by-{deed[0]}"))
    assert re.search(rf"allocation.exited: ({told})( \(\w+\))?; restart 1 in ", words), words


def test_a_restart_by_hand_counts_as_one(cluster: Cluster) -> None:
    before = serve(cluster, "by-restart")
    docker("restart", str(before.container_id))
    eventually(lambda: alone(cluster, "by-restart"), bool, 20)
    goes_on(cluster, "by-restart", restarts=1)


def test_a_paused_container_is_shown_and_can_be_stopped(cluster: Cluster) -> None:
    # None is under way when it is paused: an engine that freezes a command as it begins never lets go of it.
    health = {"command": ["true"], "interval": "5m", "retries": 1}
    before = serve(cluster, "by-pause", health=health)
    docker("pause", str(before.container_id))
    paused = until(cluster, "by-pause", lambda one: not one.ready, 5)
    assert paused.reason == "paused outside cube; docker unpause lets it go on"
    assert (paused.phase, paused.health.value) == ("running", "healthy")
    assert "paused outside cube" in cluster.cube("status").stdout

    docker("unpause", str(before.container_id))
    goes_on(cluster, "by-pause", restarts=0)
    told = story(cluster.client.task("by-pause"))
    assert "allocation.health: paused outside cube" in told
    assert "allocation.health: goes on" in told

    docker("pause", str(before.container_id))
    until(cluster, "by-pause", lambda one: not one.ready, 5)
    assert cluster.cube("stop", "-q", "by-pause", "--timeout", "10").returncode == 0
    assert cluster.containers("by-pause") == {}


def test_a_renamed_or_updated_container_is_still_cubes(cluster: Cluster) -> None:
    before = serve(cluster, "by-rename")
    docker("rename", str(before.container_id), f"stranger-of-{before.container_id}")
    docker("update", "--cpu-shares", "512", str(before.container_id))
    assert goes_on(cluster, "by-rename", restarts=0).container_id == before.container_id
    docker("kill", str(before.container_id))
    goes_on(cluster, "by-rename", restarts=1)


def test_a_restart_policy_given_by_hand_makes_no_second_container(cluster: Cluster) -> None:
    before = serve(cluster, "by-policy")
    docker("update", "--restart", "always", str(before.container_id))
    docker("exec", str(before.container_id), "kill", "1")
    eventually(lambda: alone(cluster, "by-policy"), bool, 20)


def test_a_container_whose_keeper_was_killed_is_started_again(cluster: Cluster) -> None:
    before = serve(cluster, "no-shim")
    first = json.loads(docker("inspect", str(before.container_id)))[0]["State"]["Pid"]
    shim = int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
    assert "shim" in Path(f"/proc/{shim}/comm").read_text()
    os.kill(shim, signal.SIGKILL)
    goes_on(cluster, "no-shim", restarts=1)
    assert "allocation.exited: exit 137 (SIGKILL)" in story(cluster.client.task("no-shim"))


@pytest.fixture
def strangers() -> Iterator[list[str]]:
    """Names of containers that a test makes for others; removed afterwards."""
    made: list[str] = []
    yield made
    docker("rm", "-f", *made)


def test_leftovers_go_and_strangers_stay(cluster: Cluster, strangers: list[str]) -> None:
    identity = json.loads((cluster.home / "w1" / "node.json").read_text())
    node = NodeId(identity["node_id"])
    former = RunLabel(
        cluster_id=identity["cluster_id"],
        node_id=node,
        allocation_id=allocation_id(TaskId("6e1c5fb0-9b0f-4f6d-9d7a-3a1f6a0c2b11"), 1, 7),
        restart=0,
        spec=TaskSpec(name="former", image="busybox:latest"),
    )
    elsewhere = RunLabel(
        cluster_id="another",
        node_id=NodeId("another"),
        allocation_id=former.allocation_id,
        restart=0,
        spec=former.spec,
    )

    def make(name: str, labels: dict[str, str]) -> str:
        strangers.append(name)
        flags = [f"--label={key}={value}" for key, value in labels.items()]
        return docker("run", "-d", "--name", name, *flags, "busybox", *SERVE).strip()

    another = make(f"another-{node[:8]}", encode_label(elsewhere))
    # Without a label, and with the name that the next container of `former` would have.
    nameless = make(next(container_names(former)), {})
    cluster.stop("w1")  # the next one looks at everything before it does anything
    leftover = make(f"leftover-{node[:8]}", encode_label(former))
    cluster.start_worker("w1")
    eventually(cluster.nodes_ready, lambda names: names == ["w1"], 15)

    def present(*flags: str) -> set[str]:
        return set(docker("ps", "-q", "--no-trunc", *flags).split())

    eventually(lambda: present("-a"), lambda ids: leftover not in ids, 15)
    assert {another, nameless} <= present()
