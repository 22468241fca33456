"""A container that cannot be killed: told as stuck, tried again, and in nobody's way."""

from __future__ import annotations

import pytest

from cube.wire.views import TaskDetail
from tests.scenarios.freezer import frozen
from tests.scenarios.processes import SERVE, Cluster, eventually, free_port

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MEMORY = 64 << 20


def submit(cluster: Cluster, name: str, **more: object) -> None:
    cluster.client.submit(
        {"name": name, "image": "busybox", "command": list(SERVE), "stop_grace": "1s", **more}
    )


def until_running(cluster: Cluster, name: str) -> str:
    """Wait until the one container of a task runs, and return its id."""

    def look() -> str:
        (allocation,) = cluster.client.task(name).allocations
        return allocation.container_id or "" if allocation.phase == "running" else ""

    return eventually(look, bool, 15)


def test_an_unkillable_container_is_told_as_stuck_and_holds_up_nothing_else(
    cluster: Cluster,
) -> None:
    cluster.start_ready("w1")
    port = free_port()
    published = [{"host_port": port, "container_port": 80}]
    submit(cluster, "stuck", ports=published, memory=MEMORY)
    submit(cluster, "other")
    container = until_running(cluster, "stuck")
    until_running(cluster, "other")

    def stuck() -> TaskDetail:
        return cluster.client.task("stuck")

    with frozen(container):
        cluster.client.stop("stuck")
        # Meanwhile others are stopped and started, but not with what it still has.
        assert cluster.cube("stop", "-q", "other", "--timeout", "10").returncode == 0
        submit(cluster, "next", ports=published)
        waiting = eventually(lambda: cluster.client.task("next").reason, bool, 5)
        assert f"port {port}" in waiting
        assert cluster.client.node("w1").reserved.memory_bytes == MEMORY

        told = eventually(stuck, lambda task: "stuck: it was killed" in task.reason, 30)
        assert told.reason.startswith("stopping, 1 container left; stuck.1: cannot be removed yet")
        assert told.allocations[0].failure is not None
        assert told.allocations[0].failure.kind.value == "stuck"
        assert "stuck" in cluster.cube("status").stdout
        assert [e.code for e in told.events if e.kind.value == "allocation.stopping"][-1] == "stuck"

        # A worker that is told to stop does not wait for it, and the next one takes it up.
        assert cluster.stop("w1") == 0
        cluster.start_worker("w1")
        eventually(cluster.nodes_ready, lambda names: names == ["w1"], 15)
        assert cluster.containers("stuck").keys() == {container}

    eventually(lambda: cluster.containers("stuck"), lambda left: not left, 30)
    gone = eventually(stuck, lambda task: task.reason == "stopped", 10)
    (removed,) = [e.message for e in gone.events if e.kind.value == "allocation.removed"]
    assert removed == "exit 137 (SIGKILL)"
    until_running(cluster, "next")
