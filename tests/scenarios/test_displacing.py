"""A task that may displace others gets its room on real machines, and keeps it when the manager is killed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.processes import Cluster, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# It takes its time to stop, so that there is a while in which its room is promised and not free.
SLOW_TO_STOP = ["sh", "-c", "trap 'sleep 2; exit 0' TERM; sleep 3600 & wait; wait"]
SERVE = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]


def test_room_is_made_for_the_higher_priority_across_a_crash_of_the_manager(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path)
    try:
        cluster.start_ready("w1")
        whole: dict[str, Any] = {
            "image": "busybox",
            "cpu_millis": cluster.client.node("w1").capacity.cpu_millis,
        }
        cluster.client.submit({"name": "low", "priority": 10, "command": SLOW_TO_STOP, **whole})
        eventually(lambda: cluster.client.task("low").ready, bool, 20)

        high = {"name": "high", "priority": 90, "preempt": True, "command": SERVE, **whole}
        cluster.client.submit(high)
        assert cluster.client.task("high").reason == "waits for the room of low.1"
        assert "displaced by high.1 (priority 90)" in cluster.client.task("low").reason
        cluster.kill("manager")
        cluster.start_manager()

        eventually(lambda: cluster.client.task("high").ready, bool, 30)
        assert len(cluster.containers("high")) == 1
        assert cluster.containers("low") == {}
        reason = cluster.client.task("low").reason
        assert reason.startswith("displaced by high.1 (priority 90); no node fits: 1 lacks cpu")

        cluster.client.stop("high")
        eventually(lambda: cluster.client.task("low").ready, bool, 30)
    finally:
        cluster.end()
