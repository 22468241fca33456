"""A worker and a manager that are told to stop leave containers as they are, and know them when they come back."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.processes import SERVE, Cluster, docker, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Exits with 42 when it is told so, and not before.
EXIT_ON_USR1 = ("sh", "-c", "trap 'exit 42' USR1; trap 'exit 0' TERM; sleep 3600 & wait")


def runs(cluster: Cluster) -> dict[str, tuple[str, int]]:
    """The start time and process of each container that runs."""
    return {
        id: (seen["State"]["StartedAt"], seen["State"]["Pid"])
        for id, seen in cluster.containers().items()
        if seen["State"]["Running"]
    }


def settled(cluster: Cluster) -> list[tuple[str, int, int, list[int]]]:
    """How each task stands: its state, ready slots, restarts, and the generations of its slots."""
    return [
        (
            task.state.value,
            task.ready,
            task.restarts,
            sorted(a.generation for a in task.allocations),
        )
        for task in cluster.client.tasks()
    ]


def test_containers_run_on_without_worker_and_manager_and_are_adopted(cluster: Cluster) -> None:
    cluster.start_patient_manager()
    cluster.start_ready("w1", "w2")
    done = cluster.cube("run", "busybox", "--name", "web", "--replicas", "4", *SERVE)
    assert done.returncode == 0, done.stderr
    before = runs(cluster)
    assert len(before) == 4
    well = [("running", 4, 0, [1, 1, 1, 1])]
    assert settled(cluster) == well

    assert cluster.stop("w1") == 0
    assert runs(cluster) == before
    cluster.start_worker("w1")
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
    assert (settled(cluster), runs(cluster)) == (well, before)

    assert cluster.stop("manager") == 0
    assert runs(cluster) == before
    cluster.start_patient_manager()
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
    assert (settled(cluster), runs(cluster)) == (well, before)

    assert [cluster.stop(name) for name in ("w1", "w2", "manager")] == [0, 0, 0]
    assert runs(cluster) == before
    for name in ("w1", "w2"):  # before their manager: they wait for it
        cluster.start_worker(name)
    cluster.start_patient_manager()
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
    assert (settled(cluster), runs(cluster)) == (well, before)
    assert cluster.containers().keys() == before.keys()
    kinds = {event.kind.value for event in cluster.client.task("web").events}
    assert not kinds & {"allocation.exited", "allocation.lost", "allocation.stopping"}


def test_an_exit_that_the_dead_worker_did_not_see_is_told_when_it_is_back(cluster: Cluster) -> None:
    cluster.start_ready("w1")
    for name, policy in (("once", "never"), ("again", "on-failure")):
        done = cluster.cube(
            "run", "-q", "busybox", "--name", name, "--restart", policy, *EXIT_ON_USR1
        )
        assert done.returncode == 0, done.stderr
    (once, again) = [next(iter(cluster.containers(name))) for name in ("once", "again")]

    cluster.kill("w1")
    docker("kill", "-s", "USR1", once, again)

    def codes() -> list[int]:
        seen = json.loads(docker("inspect", once, again))
        return [one["State"]["ExitCode"] for one in seen if not one["State"]["Running"]]

    eventually(codes, lambda found: found == [42, 42], 10)
    cluster.start_worker("w1")

    look = cluster.client.task
    task = eventually(lambda: look("once"), lambda task: task.state.value == "failed", 15)
    (allocation,) = task.allocations
    assert allocation.exit is not None
    assert (allocation.exit.code, task.restarts, allocation.generation) == (42, 0, 1)
    assert task.reason == "exit 42; its restart policy is never"
    assert cluster.containers("once").keys() == {once}

    task = eventually(
        lambda: look("again"), lambda task: task.restarts == 1 and task.ready == 1, 15
    )
    (allocation,) = task.allocations
    assert allocation.exit is not None
    assert (allocation.exit.code, allocation.generation) == (42, 1)
    assert any(event.message.startswith("exit 42; restart 1 in ") for event in task.events)
    assert [id for id in runs(cluster) if id in cluster.containers("again")] == [
        allocation.container_id
    ]
