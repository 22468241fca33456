"""A machine whose disk is full: what runs there goes on, what is new goes elsewhere and says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cube.model.allocation import FailureKind
from cube.wire.views import TaskDetail
from tests.scenarios.engine import PrivateEngine
from tests.scenarios.processes import SERVE, Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def engine() -> Iterator[PrivateEngine]:
    engine = PrivateEngine(disk_bytes=64 << 20)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def test_a_full_disk_sends_new_work_elsewhere_and_keeps_what_runs(
    cluster: Cluster, engine: PrivateEngine
) -> None:
    cluster.start_manager()
    cluster.start_worker("full", "--docker", engine.address)
    eventually(cluster.nodes_ready, lambda names: names == ["full"], 15)
    client = cluster.client

    def submit(name: str, **more: object) -> None:
        client.submit({"name": name, "image": "busybox", "command": list(SERVE), **more})

    def task(name: str) -> TaskDetail:
        return client.task(name)

    submit("kept")
    eventually(lambda: task("kept").ready, lambda ready: ready == 1, 15)
    (before,) = task("kept").allocations
    engine.fill_disk()

    # With nowhere else to go it waits, and says what is the matter.
    submit("new")
    reason = "no space left on this machine's disk"
    eventually(lambda: task("new").reason, lambda words: f"(full: {reason}" in words, 15)
    codes = {event.code for event in task("new").events if event.kind.value == "allocation.failed"}
    assert codes == {FailureKind.NO_SPACE.value}

    cluster.start_worker("other")
    eventually(lambda: task("new").ready, lambda ready: ready == 1, 15)
    assert [one.node for one in task("new").allocations] == ["other"]
    submit("more", replicas=3)
    eventually(lambda: task("more").ready, lambda ready: ready == 3, 15)
    assert {one.node for one in task("more").allocations} == {"other"}

    (after,) = task("kept").allocations
    assert (after.container_id, after.restarts, after.ready) == (before.container_id, 0, True)
    assert sorted(cluster.nodes_ready()) == ["full", "other"]

    # With room again the node works as before.
    engine.free_disk()
    submit("late", constraints=["node.name==full"])
    eventually(lambda: task("late").ready, lambda ready: ready == 1, 15)
    for name in ("kept", "late"):
        assert cluster.cube("stop", "-q", name, "--timeout", "20").returncode == 0
    assert engine.docker("ps", "-aq") == ""
