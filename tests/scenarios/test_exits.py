"""Every way in which a container can end is shown as the engine reported it: docs/reference/exit-codes.md, tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cube.wire.views import AllocationView, TaskDetail
from tests.scenarios.processes import SERVE, Cluster, docker, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

OUT_OF_MEMORY = ["tail", "/dev/zero"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("exits"), "w1") as cluster:
        yield cluster


def submit(cluster: Cluster, name: str, *command: str, **more: object) -> None:
    cluster.client.submit(
        {"name": name, "image": "busybox", "command": list(command), "restart": "never", **more}
    )


def allocation(cluster: Cluster, name: str) -> AllocationView:
    (one,) = cluster.client.task(name).allocations
    return one


def until_running(cluster: Cluster, name: str) -> str:
    def look() -> AllocationView:
        return allocation(cluster, name)

    return str(eventually(look, lambda one: one.phase == "running", 15).container_id)


def test_every_end_by_itself_is_shown_with_its_code(cluster: Cluster) -> None:
    signals = {130: "SIGINT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
    codes = (0, 1, 2, 125, 126, 127, *signals, 255)
    for code in codes:
        submit(cluster, f"exit-{code}", "sh", "-c", f"exit {code}")
    submit(cluster, "greedy", *OUT_OF_MEMORY, memory="8m")

    for code in codes:

        def ended(code: int = code) -> AllocationView:
            return allocation(cluster, f"exit-{code}")

        one = eventually(ended, lambda one: one.phase in ("completed", "failed"), 20)
        assert one.exit is not None
        assert (one.exit.code, one.exit.signal) == (code, signals.get(code))
        assert one.phase == ("failed" if code else "completed")
        shown = f"exit {code} ({signals[code]})" if code in signals else f"exit {code}"
        assert one.reason.startswith(shown)

    greedy = eventually(
        lambda: allocation(cluster, "greedy"), lambda one: one.phase == "failed", 20
    )
    assert greedy.exit is not None
    assert greedy.exit.code == 137
    # That it was for want of memory the engine itself misses now and then.
    words = "out of memory" if greedy.exit.out_of_memory else "SIGKILL"
    assert greedy.reason.startswith(f"exit 137 ({words})")


def test_every_end_by_others_is_shown_with_its_code(cluster: Cluster) -> None:
    submit(cluster, "killed", *SERVE)
    submit(cluster, "stopped", *SERVE)
    docker("kill", until_running(cluster, "killed"))
    docker("stop", until_running(cluster, "stopped"))

    def phases() -> tuple[str, str]:
        return allocation(cluster, "killed").phase, allocation(cluster, "stopped").phase

    eventually(phases, lambda seen: seen == ("failed", "completed"), 10)
    assert allocation(cluster, "killed").reason.startswith("exit 137 (SIGKILL)")
    assert allocation(cluster, "stopped").reason == "exit 0"


@pytest.mark.parametrize(
    ("name", "script", "told"),
    [
        ("obeys", "trap 'exit 7' TERM; sleep 3600 & wait", "exit 7"),
        ("deaf", "trap '' TERM; sleep 3600 & wait; sleep 3600", "exit 137 (SIGKILL)"),
    ],
)
def test_a_stop_by_cube_tells_whether_it_was_obeyed(
    cluster: Cluster, name: str, script: str, told: str
) -> None:
    submit(cluster, name, "sh", "-c", script, stop_grace="1s")
    until_running(cluster, name)
    assert cluster.cube("stop", "-q", name, "--timeout", "5").returncode == 0

    def story() -> TaskDetail:
        return cluster.client.task(name)

    events = eventually(story, lambda task: task.reason == "stopped", 5).events
    removed = [event.message for event in events if event.kind.value == "allocation.removed"]
    assert removed == [told]
