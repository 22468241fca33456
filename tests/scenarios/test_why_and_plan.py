"""`cube why` and `cube plan` on real processes: what a person reads before anything runs, and when nothing does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.processes import SERVE, Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("why"))
    try:
        cluster.start_manager()
        cluster.start_worker("w1", "--memory", "256m")
        cluster.start_worker("w2", "--memory", "512m")
        eventually(cluster.nodes_ready, lambda ready: ready == ["w1", "w2"], 15)
        yield cluster
    finally:
        cluster.end()


def write(cluster: Cluster, name: str, **spec: object) -> str:
    path: Path = cluster.home / f"{name}.json"
    task = {"name": name, "image": "busybox", "command": SERVE, **spec}
    path.write_text(json.dumps(task))
    return str(path)


def test_a_task_without_room_is_explained_with_the_nearest_miss(cluster: Cluster) -> None:
    assert cluster.cube("run", "-d", write(cluster, "big", memory="700m")).returncode == 0
    told = cluster.cube("why", "big")

    assert told.returncode == 4
    assert told.stdout == (
        "big.1 waits: no node fits: 2 lack memory (nearest w2, 188 MiB short; w1)\n"
        "\n"
        "NODE  PLACE  REFUSED BY  REASON\n"
        "w2    no     resources   188 MiB memory short\n"
        "w1    no     resources   444 MiB memory short\n"
        "\n"
        "what would help:\n"
        "  ask for at most 512 MiB memory\n"
    )
    shown = json.loads(cluster.cube("why", "big.1", "-o", "json").stdout)
    assert shown["pictures"][0]["nearest"] == "w2"
    assert cluster.cube("why", "small").returncode == 3


def test_a_plan_comes_true_and_says_so_beforehand(cluster: Cluster) -> None:
    file = write(cluster, "web", memory="128m", replicas=2)
    first = cluster.cube("plan", file, "-o", "json")
    assert first.returncode == 1
    [foretold] = json.loads(first.stdout)
    assert {task.name for task in cluster.client.tasks()} <= {"big"}  # nothing was done

    assert cluster.cube("apply", file).returncode == 0
    web = cluster.client.task("web")
    places = {one.name: one.node for one in web.allocations}
    assert places == {slot["name"]: slot["after"] for slot in foretold["slots"]}
    assert cluster.cube("plan", file).returncode == 0
    why = cluster.cube("why", "web")
    assert why.returncode == 0
    assert why.stdout.startswith("both slots of web run on w1, w2\n")

    file = write(cluster, "web", memory="400m", replicas=2)
    wider = cluster.cube("plan", file)
    assert wider.returncode == 4
    assert "memory_bytes  128 MiB  400 MiB" in wider.stdout
    assert "no node fits" in wider.stdout
    assert cluster.client.task("web").revision == web.revision
