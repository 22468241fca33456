"""Every file of task-examples is run on a real engine and reaches what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cube.model.allocation import Health
from cube.wire.views import TaskDetail
from tests.scenarios.processes import Cluster, curl, eventually, ready_cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

EXAMPLES = Path("task-examples")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ready_cluster(tmp_path_factory.mktemp("examples"), "w1", "w2") as cluster:
        yield cluster


@pytest.fixture
def run(cluster: Cluster) -> Iterator[Callable[[str], CompletedProcess[str]]]:
    """Run an example by `cube run`; it is stopped afterwards, so that the next may have its name and ports."""

    def run(file: str) -> CompletedProcess[str]:
        return cluster.cube("run", str(EXAMPLES / file))

    yield run
    for task in cluster.client.tasks():
        cluster.client.stop(task.id)
    eventually(cluster.containers, lambda left: not left, 30)


def detail(cluster: Cluster, name: str) -> Callable[[], TaskDetail]:
    return lambda: cluster.client.task(name)


def exit_codes(task: TaskDetail) -> list[int | None]:
    return [a.exit.code if a.exit else None for a in task.allocations]


@pytest.mark.parametrize("file", ["web.json", "web.toml", "web.yaml"])
def test_web_runs_three_healthy_replicas(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]], file: str
) -> None:
    done = run(file)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    task = cluster.client.task("web")
    assert (task.state.value, task.ready, task.restarts) == ("running", 3, 0)
    assert {a.health for a in task.allocations} == {Health.HEALTHY}
    for allocation in task.allocations:
        (port,) = allocation.ports
        page = curl(f"http://127.0.0.1:{port.host_port}/")
        assert page.status == 200
        assert f"slot web.{allocation.slot} in container" in page.body


def test_restart_always_is_started_again_and_again(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("restart-always.json")

    assert done.returncode == 0, done.stderr
    assert "task restart-always is running" in done.stderr
    look = detail(cluster, "restart-always")
    task = eventually(look, lambda task: task.restarts >= 2 and task.state.value == "running", 25)
    assert exit_codes(task) == [0]  # of the run before
    messages = [e.message for e in task.events if e.kind.value == "allocation.exited"]
    assert len(messages) >= 2


def test_restart_on_failure_gives_up_after_three_restarts(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("restart-on-failure.json")

    assert done.returncode == 1
    assert "restart-on-failure.1 | trying" in done.stderr
    task = eventually(
        detail(cluster, "restart-on-failure"), lambda task: task.state.value == "failed", 15
    )
    assert (task.restarts, exit_codes(task)) == (3, [1])
    assert task.reason == "gave up after 3 restarts: exit 1"


def test_restart_never_is_tried_once(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("restart-never.json")

    assert done.returncode == 1
    assert "exit 1; its restart policy is never" in done.stderr
    assert "restart-never.1 | trying once" in done.stderr
    task = cluster.client.task("restart-never")
    assert (task.state.value, task.restarts, exit_codes(task)) == ("failed", 0, [1])


def test_batch_completes_its_three_slots(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("batch.yaml")

    assert (done.returncode, done.stdout) == (0, "")
    assert "task batch completed" in done.stderr
    task = cluster.client.task("batch")
    assert (task.state.value, task.restarts, exit_codes(task)) == ("completed", 0, [0, 0, 0])
    logs = cluster.cube("logs", "batch")
    assert sorted(logs.stdout.splitlines()) == [
        f"batch.{slot} | {line}" for slot in (1, 2, 3) for line in ("100000", "counting")
    ]


def test_command_health_is_healthy_at_first_and_then_started_again(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("command-health.toml")

    assert done.returncode == 0, done.stderr
    look = detail(cluster, "command-health")
    assert look().allocations[0].health is Health.HEALTHY
    task = eventually(look, lambda task: task.restarts == 1 and task.ready == 1, 60)
    messages = [e.message for e in task.events if e.kind.value == "allocation.health"]
    assert any("unhealthy" in message for message in messages), messages


def test_task1_has_its_fixed_port(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("task1.json")

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("test-chapter-9.1.1 on w")
    assert line.endswith(": 0.0.0.0:7777->7777/tcp")
    assert cluster.client.task("test-chapter-9.1").allocations[0].health is Health.HEALTHY


def test_task2_has_any_free_port(
    cluster: Cluster, run: Callable[[str], CompletedProcess[str]]
) -> None:
    done = run("task2.json")

    assert done.returncode == 0, done.stderr
    assert "->7777/tcp" in done.stdout
    assert ":7777->" not in done.stdout


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text()
    files = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}

    assert {name for name in files if f'"{name}"' not in text} == set()
