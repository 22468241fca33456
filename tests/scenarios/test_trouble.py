"""What can go wrong is told on the command line: a true exit code, the reason, and the story kept to be read again."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cube.model.allocation import FailureKind
from cube.wire.views import TaskDetail
from tests.runtime.registry import Registry, running_registry
from tests.scenarios.processes import SERVE, Cluster, docker, eventually, free_port

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("trouble")
    (home / "login").mkdir()
    cluster = Cluster(home, {"DOCKER_CONFIG": str(home / "login")})
    try:
        cluster.start_ready("w1", "w2")
        yield cluster
    finally:
        cluster.end()


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with running_registry(tmp_path) as one:
        yield one


@pytest.fixture
async def private_image(registry: Registry) -> AsyncIterator[str]:
    """An image that only those who log in to the registry may have. Not on this machine, nor left there."""
    image = await registry.push_an_image()
    yield image
    docker("rmi", "-f", image)  # a container that never ran may still be there


def log_in(cluster: Cluster, registry: Registry, password: str | None = None) -> None:
    """Let the workers' user log in, with the right password unless another is given."""
    config = json.loads((registry.login / "config.json").read_text())
    if password is not None:
        config = {"auths": {registry.address: {"username": "cube", "password": password}}}
    (cluster.home / "login" / "config.json").write_text(json.dumps(config))


def told_everywhere(cluster: Cluster, name: str, reason: str) -> TaskDetail:
    """Find the reason in the table, in the task's own page and in the API; return what the API shows.

    Looks again for a while: a container that keeps ending runs for a moment in between, and then has no reason.
    """

    def look() -> list[str]:
        table = cluster.cube("status").stdout.splitlines()
        rows = [line for line in table if line.split()[0] == name]
        return [
            *rows,
            cluster.cube("status", name).stdout,
            cluster.curl(f"/task/{name}").json["reason"],
        ]

    eventually(look, lambda told: len(told) == 3 and all(reason in one for one in told), 30)
    return cluster.client.task(name)


def messages(task: TaskDetail) -> str:
    """The story of a task, a line for each event."""
    return "\n".join(f"{event.kind}: {event.message}" for event in task.events)


def test_an_image_that_the_registry_does_not_have(cluster: Cluster, registry: Registry) -> None:
    log_in(cluster, registry)
    image = f"{registry.address}/contract/nothing:1"
    done = cluster.cube("run", image, "--name", "missing")

    reason = f"image {image} not found; check the name and tag"
    assert done.returncode == 1
    assert f"failed: {reason}" in done.stderr
    task = told_everywhere(cluster, "missing", reason)
    assert task.state.value == "failed"
    assert task.allocations[0].failure is not None
    assert task.allocations[0].failure.kind is FailureKind.IMAGE_MISSING
    assert f"allocation.failed: {reason}" in messages(task)
    assert "task.created" in messages(task)


def test_a_registry_that_does_not_let_in(
    cluster: Cluster, registry: Registry, private_image: str
) -> None:
    log_in(cluster, registry, "wrong")
    done = cluster.cube("run", private_image, "--name", "denied")

    reason = f"the registry does not let this machine pull {private_image}"
    assert done.returncode == 1
    assert reason in done.stderr
    assert "docker login" in done.stderr
    task = told_everywhere(cluster, "denied", reason)
    assert task.allocations[0].failure is not None
    assert task.allocations[0].failure.kind is FailureKind.REGISTRY_DENIED
    assert f"allocation.failed: {reason}" in messages(task)

    # Once it is let in, the same image is pulled. There is nothing in it that could be run.
    log_in(cluster, registry)
    done = cluster.cube("run", private_image, "--name", "let-in", "/content")
    assert done.returncode == 1
    assert "let-in.1" in done.stderr
    assert "command /content cannot be executed: permission denied" in done.stderr


def test_a_registry_that_does_not_answer(cluster: Cluster) -> None:
    image = f"127.0.0.1:{free_port()}/nothing:1"
    done = cluster.cube("run", image, "--name", "away", "--timeout", "5")

    reason = f"image {image} could not be pulled: "
    assert done.returncode == 124
    assert "task away is not ready after 5s: " + reason in done.stderr
    assert "connection refused" in done.stderr
    task = told_everywhere(cluster, "away", reason)
    assert task.state.value == "scheduled"  # it is still tried
    assert task.allocations[0].failure is not None
    assert task.allocations[0].failure.kind is FailureKind.REGISTRY_AWAY
    assert f"allocation.pulling: {reason}" in messages(task)


def test_an_image_that_may_not_be_pulled(cluster: Cluster) -> None:
    done = cluster.cube("run", "nobody/has-this:1", "--name", "never", "--pull", "never")

    reason = "image nobody/has-this:1 is not on this machine"
    assert done.returncode == 1
    assert f"never.1 on w1 failed: {reason}" in done.stderr.replace("w2", "w1")
    task = told_everywhere(cluster, "never", reason)
    assert f"allocation.failed: {reason}" in messages(task)
    assert "allocation.pulling" not in messages(task)


def test_a_command_that_is_not_in_the_image(cluster: Cluster) -> None:
    done = cluster.cube("run", "busybox", "--name", "no-command", "/bin/frobnicate")

    reason = "command /bin/frobnicate not found in the image"
    assert done.returncode == 1
    assert reason in done.stderr
    task = told_everywhere(cluster, "no-command", reason)
    assert (task.state.value, task.restarts) == ("failed", 0)
    assert f"allocation.failed: {reason}" in messages(task)


def test_a_port_that_a_stranger_has_on_every_node(cluster: Cluster) -> None:
    with socket.create_server(("0.0.0.0", 0)) as stranger:
        port = stranger.getsockname()[1]
        done = cluster.cube("run", "busybox", "--name", "port", "-p", f"{port}:80", *SERVE)

        reason = f"port {port} is taken on this machine by something else"
        assert done.returncode == 4
        assert "no node fits: 2 are avoided for now" in done.stderr
        assert f"w1: {reason}; w2: {reason}" in done.stderr
        assert "it starts as soon as a node fits" in done.stderr
        task = told_everywhere(cluster, "port", reason)
        assert task.state.value == "pending"
        assert messages(task).count(f"allocation.failed: {reason}") == 2
    eventually(lambda: cluster.containers("port"), lambda left: not left, 10)
    cluster.client.stop("port")


def test_more_memory_than_there_is(cluster: Cluster) -> None:
    done = cluster.cube("run", "busybox", "--name", "big", "--memory", "900g", "true")

    assert done.returncode == 4
    assert "big.1 cannot be placed now: no node fits: 2 lack memory (nearest w" in done.stderr
    assert "GiB short" in done.stderr
    task = told_everywhere(cluster, "big", "no node fits: 2 lack memory (nearest w")
    assert task.state.value == "pending"
    assert "slot.waiting: no node fits: 2 lack memory" in messages(task)
    assert cluster.cube("stop", "big").returncode == 0
    assert cluster.client.task("big").reason == "stopped"  # still there to be read


def test_unhealthy_from_the_start(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "sick.yaml"
    file.write_text(
        f"name: sick\nimage: busybox\nrestart: never\ncommand: {json.dumps(SERVE)}\n"
        "health: {command: [sh, -c, 'echo no database; exit 3'], interval: 200ms, retries: 2}\n"
    )
    done = cluster.cube("run", str(file))

    reason = "2 probes in a row failed: exit 3: no database"
    assert done.returncode == 5
    assert f"sick.1 on w1 is unhealthy: {reason}" in done.stderr.replace("w2", "w1")
    eventually(lambda: cluster.client.task("sick").state.value, lambda state: state == "failed", 10)
    task = told_everywhere(cluster, "sick", reason)
    assert task.reason.endswith("its restart policy is never")
    assert f"allocation.health: unhealthy: {reason}" in messages(task)


def test_a_container_that_keeps_ending(cluster: Cluster) -> None:
    script = "echo I have no config; exit 3"
    done = cluster.cube(
        "run", "busybox", "--name", "loop", "--restart", "always", "sh", "-c", script
    )

    assert done.returncode == 1
    assert "keeps ending: restart " in done.stderr
    assert ", exit 3" in done.stderr
    assert "  loop.1 | I have no config\n" in done.stderr
    task = told_everywhere(cluster, "loop", "exit 3")
    assert task.restarts >= 3
    assert "allocation.exited: exit 3; restart 1 in " in messages(task)
    cluster.client.stop("loop")


def test_out_of_memory(cluster: Cluster) -> None:
    done = cluster.cube(
        "run", "busybox", "--name", "greedy", "--memory", "8m", "--restart", "never",
        "tail", "/dev/zero",
    )  # fmt: skip

    # The kernel kills it; that it was for want of memory the engine itself misses now and then.
    assert done.returncode == 1
    assert "failed: exit 137 (" in done.stderr
    task = told_everywhere(cluster, "greedy", "exit 137 (")
    exit = task.allocations[0].exit
    assert exit is not None
    assert (exit.code, exit.signal) == (137, "SIGKILL")
    words = "out of memory" if exit.out_of_memory else "SIGKILL"
    assert task.reason == f"exit 137 ({words}); its restart policy is never"


def test_a_misspelt_key_stores_nothing(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "typo.json"
    file.write_text('{"name": "typo", "image": "busybox", "replica": 3}')
    done = cluster.cube("run", str(file))

    assert done.returncode == 2
    assert f"{file}: replica: unknown key; did you mean `replicas`?" in done.stderr
    sent = cluster.curl("-d", f"@{file}", "/task")
    assert sent.status == 400
    assert sent.json["errors"] == [
        {"path": "replica", "message": "unknown key; did you mean `replicas`?"}
    ]
    assert cluster.curl("/task/typo").status == 404


def test_a_name_that_is_taken(cluster: Cluster) -> None:
    assert cluster.cube("run", "-d", "busybox", "--name", "taken", *SERVE).returncode == 0
    done = cluster.cube("run", "busybox", "--name", "taken", "true")

    assert done.returncode == 6
    assert "the name taken is taken by task " in done.stderr
    assert cluster.client.task("taken").spec.command == SERVE
    cluster.client.stop("taken")


@pytest.mark.parametrize("command", ["status", "logs", "stop", "restart", "wait", "events"])
def test_a_task_that_nobody_knows(cluster: Cluster, command: str) -> None:
    done = cluster.cube(command, "nobody")

    assert done.returncode == 3
    assert "there is no task nobody" in done.stderr
    assert done.stdout == ""


def test_a_manager_that_does_not_run(cluster: Cluster) -> None:
    nowhere = {"CUBE_MANAGER_PORT": str(free_port())}
    for arguments in (["status"], ["run", "busybox"], ["stop", "web"], ["events"]):
        done = cluster.cube(*arguments, environment=nowhere)
        assert done.returncode == 7, arguments
        assert f"127.0.0.1:{nowhere['CUBE_MANAGER_PORT']}" in done.stderr
        assert "cube manager start" in done.stderr


def test_a_second_manager_on_the_same_data(cluster: Cluster) -> None:
    data = cluster.home / "manager"
    done = cluster.cube("manager", "start", "--port", "0", "--data", str(data))

    assert done.returncode == 1
    pid = cluster.processes["manager"].pid
    assert f"the data directory {data} is held by a manager (pid {pid}, since " in done.stderr
    assert cluster.nodes_ready() == ["w1", "w2"]


def test_a_second_worker_on_the_same_data(cluster: Cluster) -> None:
    data = cluster.home / "w1"
    done = cluster.cube("worker", "start", "--port", "0", "--data", str(data))

    assert done.returncode == 6
    pid = cluster.processes["w1"].pid
    assert f"another worker (process {pid}) uses the data directory {data}" in done.stderr
    assert cluster.nodes_ready() == ["w1", "w2"]


def test_no_worker_and_then_one_without_an_engine(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        cluster.start_manager()
        done = cluster.cube("run", "busybox", "--name", "early", *SERVE)
        assert done.returncode == 4
        assert "no workers have joined; start one with: cube worker start" in done.stderr
        told_everywhere(cluster, "early", "no workers have joined")
        assert "cube worker start" in cluster.cube("node").stderr

        cluster.start_worker("w1", "--docker", "unix:///nonexistent")
        eventually(cluster.client.nodes, bool, 15)
        reason = "the container engine at unix:///nonexistent does not answer"
        nodes = cluster.cube("node")
        assert "runtime down" in nodes.stdout
        assert reason in nodes.stdout
        done = cluster.cube("run", "busybox", "--name", "later", *SERVE)
        assert done.returncode == 4
        assert "no node fits: 1 has no working engine (w1: " in done.stderr
        assert reason in done.stderr
        told_everywhere(cluster, "later", reason)
        told_everywhere(cluster, "early", reason)

        cluster.stop("w1")
        cluster.start_worker("w1")
        for name in ("early", "later"):
            assert cluster.cube("wait", name, "--timeout", "20").returncode == 0
    finally:
        cluster.end()
