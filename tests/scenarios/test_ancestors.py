"""What the ancestors' users do works unchanged: their curl calls, their task files, their settings and flags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.processes import Answer, Cluster, curl, eventually, free_port, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

EXAMPLES = Path("task-examples")
TASK1 = "21b23589-5d2d-4731-b5c9-a97e9832d021"
TASK2 = "bb1d59ef-9fc1-4e4b-a44d-db571eeed203"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("ancestors"), "w1") as cluster:
        yield cluster


def post(cluster: Cluster, file: str) -> Answer:
    """The call of the ancestors' documentation. curl sends a form's content type with it."""
    return cluster.curl("-X", "POST", "-d", f"@{EXAMPLES / file}", "/task")


def get(cluster: Cluster, task_id: str) -> dict[str, Any]:
    answer = cluster.curl(f"/task/{task_id}")
    assert answer.status == 200
    return answer.json


def until_healthy(cluster: Cluster, task_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        return get(cluster, task_id)

    return eventually(look, lambda task: task["state"] == "running" and task["ready"] == 1, 20)


def until_removed(cluster: Cluster, task_id: str) -> None:
    answer = cluster.curl("-X", "DELETE", f"/task/{task_id}")
    assert answer.status in (202, 204)
    eventually(
        lambda: cluster.curl("-X", "DELETE", f"/task/{task_id}"),
        lambda answer: answer == Answer(204, ""),
        20,
    )


def test_the_life_of_task1_by_curl(cluster: Cluster) -> None:
    created = post(cluster, "task1.json")
    assert created.status == 201
    assert (created.json["id"], created.json["name"]) == (TASK1, "test-chapter-9.1")
    assert post(cluster, "task1.json").status == 200  # sent again: the same task

    assert [task["id"] for task in cluster.curl("/task").json] == [TASK1]
    task = until_healthy(cluster, TASK1)
    (allocation,) = task["allocations"]
    assert allocation["health"] == "healthy"
    assert allocation["ports"][0]["host_port"] == 7777
    assert curl("http://127.0.0.1:7777/health") == Answer(200, '{"Msg":"ok"}\n')
    said = curl("-d", '{"Msg":"hello"}', "http://127.0.0.1:7777/")
    assert (said.status, said.json) == (200, {"Msg": "hello"})

    stopped = cluster.curl("-X", "DELETE", f"/task/{TASK1}")
    assert stopped.status == 202
    assert stopped.json["goal"] == "stop"
    until_removed(cluster, TASK1)
    assert not cluster.containers()
    assert curl("http://127.0.0.1:7777/health").status == 0
    assert get(cluster, TASK1)["reason"] == "stopped"


def test_the_other_spelling_of_task2_gets_any_free_port(cluster: Cluster) -> None:
    created = post(cluster, "task2.json")
    assert created.status == 201
    assert (created.json["id"], created.json["name"]) == (TASK2, "test-chapter-9.2")

    task = until_healthy(cluster, TASK2)
    assert task["allocations"][0]["health"] == "healthy"
    (port,) = task["allocations"][0]["ports"]
    assert port["container_port"] == 7777
    assert port["host_port"] >= 32768
    assert curl(f"http://127.0.0.1:{port['host_port']}/health").status == 200
    assert cluster.curl("/task/test-chapter-9.2").json["id"] == TASK2
    until_removed(cluster, TASK2)
    assert not cluster.containers()


def test_the_ancestors_forms_of_the_command(cluster: Cluster) -> None:
    address = f"127.0.0.1:{cluster.port}"
    elsewhere = {"CUBE_MANAGER_PORT": str(free_port())}  # the flag outweighs it

    run = cluster.cube(
        "run", "-m", address, "-f", str(EXAMPLES / "task2.json"), environment=elsewhere
    )
    assert run.returncode == 0, run.stderr
    assert "test-chapter-9.2.1 on w1: 0.0.0.0:" in run.stdout
    assert "->7777/tcp" in run.stdout

    nodes = cluster.cube("node", "-m", address, environment=elsewhere)
    assert nodes.returncode == 0
    heading, row = nodes.stdout.splitlines()
    assert heading.split()[:2] == ["NAME", "STATE"]
    assert row.split()[:2] == ["w1", "ready"]

    status = cluster.cube("status", "--manager", address, environment=elsewhere)
    assert status.returncode == 0
    assert "test-chapter-9.2" in status.stdout

    stop = cluster.cube("stop", "-m", address, TASK2, environment=elsewhere)
    assert (stop.returncode, stop.stdout) == (0, f"{TASK2}\n")
    away = cluster.cube("node", environment=elsewhere)
    assert away.returncode == 7
    assert f"127.0.0.1:{elsewhere['CUBE_MANAGER_PORT']}" in away.stderr


def test_addresses_are_taken_from_the_environment(cluster: Cluster) -> None:
    # The manager and w1 found each other by CUBE_MANAGER_HOST and CUBE_MANAGER_PORT alone.
    port = free_port()
    cluster.start_worker(
        "w2", environment={"CUBE_WORKER_HOST": "127.0.0.2", "CUBE_WORKER_PORT": str(port)}
    )
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)

    tasks = curl(f"http://127.0.0.2:{port}/task")
    assert (tasks.status, tasks.json) == (200, [])
    assert curl(f"http://127.0.0.1:{port}/task").status == 0
    assert cluster.stop("w2") == 0
