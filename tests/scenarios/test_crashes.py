"""The manager and a worker are killed while tasks start: nothing is lost, doubled or restarted."""

from __future__ import annotations

import pytest

from cube.wire.views import TaskView
from tests.scenarios.processes import Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# It obeys SIGTERM at once: as process 1 a bare `sleep` would wait for the kill.
SERVE = {"command": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]}


def of_slots(containers: dict[str, dict]) -> dict[str, tuple[str, str]]:
    """The container and start time of each slot. AssertionError when a slot has two."""
    slots: dict[str, tuple[str, str]] = {}
    for id, seen in containers.items():
        labels = seen["Config"]["Labels"]
        key = f"{labels['cube.task.name']}.{labels['cube.slot']}"
        assert key not in slots, f"two containers of {key}"
        slots[key] = (id, seen["State"]["StartedAt"])
    return slots


def test_fifty_tasks_survive_the_deaths_of_manager_and_worker(cluster: Cluster) -> None:
    cluster.start_manager()
    for name in ("w1", "w2"):
        cluster.start_worker(name)
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)

    client = cluster.client
    accepted: dict[str, str] = {}
    running: dict[str, tuple[str, str]] = {}
    for number in range(50):
        if number == 20:
            running = {
                slot: seen
                for slot, seen in of_slots(cluster.containers()).items()
                if not seen[1].startswith("0001")  # made, and not started yet
            }
            cluster.kill("manager")
            cluster.start_manager()
        if number == 35:
            cluster.kill("w1")
            cluster.start_worker("w1")
        document = {"name": f"t{number}", "image": "busybox:latest", **SERVE}
        if number % 10 == 9:
            document |= {"command": ["sh", "-c", f"exit {number % 4}"], "restart": "never"}
        accepted[f"t{number}"] = client.submit(document).id

    def settled(tasks: list[TaskView]) -> bool:
        return all(task.state.value in ("running", "completed", "failed") for task in tasks)

    tasks = eventually(client.tasks, settled, 90)
    assert {task.name: task.id for task in tasks} == accepted
    slots = of_slots(cluster.containers())
    assert len(slots) == 50
    assert {task.restarts for task in tasks} == {0}
    assert {slot: slots[slot] for slot in running} == running
    for task in tasks:
        (allocation,) = task.allocations
        assert allocation.generation == 1
        number = int(task.name[1:])
        if number % 10 == 9:
            assert allocation.exit is not None
            assert allocation.exit.code == number % 4

    cluster.kill("manager")
    cluster.kill("w2")
    cluster.start_manager()
    cluster.start_worker("w2")
    eventually(cluster.nodes_ready, lambda names: names == ["w1", "w2"], 15)
    assert of_slots(cluster.containers()) == slots
    after = eventually(client.tasks, settled, 15)
    assert {task.name: (task.state, task.restarts) for task in after} == {
        task.name: (task.state, task.restarts) for task in tasks
    }
