"""The ledger is lost or put back: what runs goes on running, and is on record again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from cube.wire.views import TaskView
from tests.scenarios.processes import SERVE, Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

WITHIN = 10.0  # seconds, of the recover command to the last container on record


def ran(cluster: Cluster) -> dict[str, str]:
    """Every running container, and when it was started."""
    return {
        id: seen["State"]["StartedAt"]
        for id, seen in cluster.containers().items()
        if seen["State"]["Running"]
    }


def submit(cluster: Cluster, name: str, replicas: int) -> None:
    cluster.client.submit(
        {
            "name": name,
            "image": "busybox:latest",
            "command": list(SERVE),
            "replicas": replicas,
            "stop_grace": "1s",
        }
    )


def all_run(cluster: Cluster, slots: dict[str, int]) -> None:
    """Wait until these tasks run in so many slots each."""

    def running(tasks: list[TaskView]) -> bool:
        seen = {
            task.name: sum(one.phase == "running" for one in task.allocations) for task in tasks
        }
        return seen == slots

    eventually(cluster.client.tasks, running, 30)


def data(cluster: Cluster) -> str:
    return str(cluster.home / "manager")


def damage(cluster: Cluster) -> None:
    """Overwrite the middle of the ledger and of its log, as a bad disk would."""
    for name in ("ledger.db", "ledger.db-wal"):
        path = cluster.home / "manager" / name
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:100] + b"\xa5" * middle + whole[100 + middle :])


@pytest.fixture
def busy(cluster: Cluster) -> Cluster:
    """Two workers; two tasks of which a backup knows, and then a scale-up and another task."""
    cluster.start_ready("w1", "w2")
    submit(cluster, "web", 3)
    submit(cluster, "db", 1)
    all_run(cluster, {"web": 3, "db": 1})
    assert cluster.cube("manager", "backup", str(cluster.home / "kept.db")).returncode == 0
    submit(cluster, "late", 2)
    cluster.client.scale("web", 5)
    all_run(cluster, {"web": 5, "db": 1, "late": 2})
    return cluster


def test_a_damaged_ledger_is_recovered_and_no_container_notices(busy: Cluster) -> None:
    before = ran(busy)
    busy.kill("manager")
    damage(busy)
    refused = busy.cube("manager", "start", "--port", "0", "--data", data(busy))
    assert refused.returncode == 1
    assert f"cube manager recover --data {data(busy)}" in refused.stderr

    began = time.monotonic()
    recovered = busy.cube("manager", "recover", "--data", data(busy))
    assert recovered.returncode == 0, recovered.stderr
    assert "the former ledger is kept in" in recovered.stderr
    busy.start_manager()
    all_run(busy, {"web": 5, "db": 1, "late": 2})
    took = time.monotonic() - began

    assert took < WITHIN
    assert ran(busy) == before
    eventually(busy.client.recovering, lambda waits: not waits, 30)
    kinds = [str(event.kind) for event in busy.client.events(limit=1000)]
    assert kinds.count("allocation.adopted") == 4
    assert not {"allocation.stopping", "allocation.lost"} & set(kinds)
    submit(busy, "after", 1)
    all_run(busy, {"web": 5, "db": 1, "late": 2, "after": 1})
    assert before.items() <= ran(busy).items()


def test_without_a_backup_everything_that_runs_is_found(busy: Cluster) -> None:
    before = ran(busy)
    busy.kill("manager")
    shutil.rmtree(busy.home / "manager" / "backups")
    damage(busy)
    cluster_id = next(iter(busy.containers().values()))["Config"]["Labels"]["cube.cluster"]
    recovered = busy.cube("manager", "recover", "--data", data(busy), "--cluster", cluster_id)
    assert recovered.returncode == 0, recovered.stderr
    busy.start_manager()
    all_run(busy, {"web": 5, "db": 1, "late": 2})
    assert "nothing is on record of how many nodes" in busy.client.recovering()
    assert busy.cube("manager", "recover", "--accept").returncode == 0

    assert busy.client.recovering() == ""
    submit(busy, "after", 1)
    all_run(busy, {"web": 5, "db": 1, "late": 2, "after": 1})
    assert before.items() <= ran(busy).items()


def test_an_old_backup_is_put_back_and_what_came_after_it_is_adopted(busy: Cluster) -> None:
    before = ran(busy)
    assert busy.stop("manager") == 0
    kept = busy.home / "kept.db"
    restored = busy.cube("manager", "restore", str(kept), "--data", data(busy))
    assert restored.returncode == 0, restored.stderr
    busy.start_manager()
    all_run(busy, {"web": 5, "db": 1, "late": 2})
    eventually(busy.client.recovering, lambda waits: not waits, 30)

    assert ran(busy) == before
    assert [Path(path).name for path in (busy.home / "manager").glob("replaced-*")]
