"""The container engine dies and comes back: the node says so, nothing is lost, nothing is doubled."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cube.wire.views import NodeView, TaskDetail
from tests.scenarios.engine import PrivateEngine
from tests.scenarios.processes import Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# An engine that starts anew ends what still runs, with SIGTERM first: to this task that is no success.
SERVE = ("sh", "-c", "trap 'exit 143' TERM; sleep 3600 & wait")


@pytest.fixture
def engine() -> Iterator[PrivateEngine]:
    engine = PrivateEngine()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def running(engine: PrivateEngine) -> dict[str, str]:
    """The container that runs for each slot. AssertionError when a slot has two."""
    slots: dict[str, str] = {}
    form = '{{.Label "cube.task.name"}}.{{.Label "cube.slot"}} {{.ID}}'
    for line in engine.docker("ps", "--no-trunc", "--format", form).splitlines():
        slot, container = line.split()
        assert slot not in slots, f"two containers of {slot}"
        slots[slot] = container
    return slots


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to stop"])
def test_an_engine_that_goes_and_comes_back(
    cluster: Cluster, engine: PrivateEngine, number: signal.Signals
) -> None:
    cluster.start_manager()
    cluster.start_worker("w1", "--docker", engine.address)
    eventually(cluster.nodes_ready, lambda names: names == ["w1"], 15)
    for name, policy in (("web", "always"), ("once", "never")):
        # An engine that has only just started on a busy machine may hold up a start; it is asked again after a while.
        done = cluster.cube(
            *("run", "busybox", "--name", name, "--restart", policy, "--replicas", "2", *SERVE),
            seconds=180,
        )
        assert done.returncode == 0, done.stderr
    before = running(engine)
    assert before.keys() == {"web.1", "web.2", "once.1", "once.2"}

    def node() -> NodeView:
        return cluster.client.node("w1")

    def task(name: str) -> TaskDetail:
        return cluster.client.task(name)

    # It goes: the node says so and gets no work, and nobody is declared dead.
    engine.end(number)
    eventually(node, lambda node: bool(node.runtime_error), 15)
    assert "runtime down" in cluster.cube("node").stdout
    waiting = cluster.cube("run", "busybox", "--name", "late", *SERVE)
    assert waiting.returncode == 4
    assert "1 has no working engine (w1: the container engine at " in waiting.stderr
    assert (node().condition.value, node().connected) == ("ready", True)
    for name in ("web", "once"):
        assert {a.generation for a in task(name).allocations} == {1}
        assert "allocation.lost" not in {event.kind.value for event in task(name).events}

    # It comes back: all is as the restart policies say, and what waited starts.
    engine.start()
    eventually(cluster.nodes_ready, lambda names: names == ["w1"], 30)
    eventually(lambda: task("web").ready, lambda ready: ready == 2, 30)
    eventually(lambda: task("late").ready, lambda ready: ready == 1, 15)
    once = eventually(lambda: task("once"), lambda task: task.state.value == "failed", 15)
    assert {a.phase for a in once.allocations} == {"failed"}
    assert once.restarts == 0
    assert {a.exit.code for a in once.allocations if a.exit} <= {137, 143}
    web = task("web")
    assert {(a.generation, a.restarts) for a in web.allocations} == {(1, 1)}
    after = running(engine)
    assert after.keys() == {"web.1", "web.2", "late.1"}
    assert {a.container_id for a in web.allocations} == {after["web.1"], after["web.2"]}

    # Its events are heard again: long before the next full comparison.
    engine.docker("kill", after["web.1"])
    eventually(lambda: sorted(a.restarts for a in task("web").allocations), [1, 2].__eq__, 5)
    eventually(lambda: task("web").ready, lambda ready: ready == 2, 10)
    assert running(engine).keys() == after.keys()

    for name in ("web", "once", "late"):
        assert cluster.cube("stop", "-q", name, "--timeout", "30").returncode == 0
    assert engine.docker("ps", "-aq") == ""


def test_with_live_restore_nothing_is_restarted_and_an_exit_meanwhile_is_found(
    cluster: Cluster,
) -> None:
    engine = PrivateEngine("--live-restore")
    try:
        engine.start()
        cluster.start_manager()
        cluster.start_worker("w1", "--docker", engine.address)
        eventually(cluster.nodes_ready, lambda names: names == ["w1"], 15)

        def task(name: str) -> TaskDetail:
            return cluster.client.task(name)

        for name in ("stays", "ends"):
            cluster.client.submit({"name": name, "image": "busybox", "command": list(SERVE)})
            eventually(lambda name=name: task(name).ready, lambda ready: ready == 1, 15)  # type: ignore[misc]
        before = running(engine)

        first = int(engine.docker("inspect", "-f", "{{.State.Pid}}", before["ends.1"]))
        engine.end(signal.SIGTERM)
        eventually(lambda: cluster.client.node("w1").runtime_error, bool, 15)
        engine.kill(first)
        engine.start()
        eventually(cluster.nodes_ready, lambda names: names == ["w1"], 30)
        eventually(lambda: (task("ends").ready, task("ends").restarts), (1, 1).__eq__, 15)
        exits = [e.message for e in task("ends").events if e.kind.value == "allocation.exited"]
        assert len(exits) == 1
        after = running(engine)
        assert (task("stays").restarts, after["stays.1"]) == (0, before["stays.1"])
        assert after["ends.1"] != before["ends.1"]
        for name in ("stays", "ends"):
            assert cluster.cube("stop", "-q", name, "--timeout", "30").returncode == 0
    finally:
        engine.close()
