"""The manager is away for much longer than a lease: the hosts go on by themselves; its return restarts nothing."""

from __future__ import annotations

import pytest

from cube.model.node import Condition
from tests.lab.lab import Lab
from tests.lab.stories import Copies, copies, running, serve, throughout
from tests.scenarios.processes import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.lab]

AWAY = 20.0
ENDS = ["sh", "-c", "sleep 5; exit 7"]  # while the manager is away
CRASHES = ["sh", "-c", "sleep 5; exit 3"]  # not so often that the manager moves it to another host


def newest_restart(slots: Copies) -> int:
    """How often the only slot was restarted, as its containers' labels tell."""
    return max((copy.restart for slot in slots.values() for copy in slot), default=-1)


def test_hosts_go_on_without_a_manager_and_nothing_restarts_when_it_is_back(lab: Lab) -> None:
    serve(lab, "web")
    serve(lab, "crashing", replicas=1, command=CRASHES, restart="always")
    serve(lab, "once", replicas=1, command=ENDS, restart="never")
    before = copies(lab, "web")
    lab.kill_manager()
    restarts = newest_restart(copies(lab, "crashing"))
    throughout(AWAY, lambda: copies(lab, "web"), lambda now: now == before, every=1)
    assert newest_restart(copies(lab, "crashing")) > restarts + 1

    lab.start_manager()
    ended = eventually(
        lambda: lab.client.task("once"), lambda task: task.state.value == "failed", 15
    )
    assert [one.exit.code for one in ended.allocations if one.exit] == [7]
    told = eventually(
        lambda: lab.client.task("crashing").restarts, lambda seen: seen > restarts + 1, 15
    )
    assert told <= newest_restart(copies(lab, "crashing"))
    throughout(5, lambda: copies(lab, "web"), lambda now: now == before, every=1)
    assert len(running(lab.client.task("web"))) == 3
    assert {node.condition for node in lab.client.nodes()} == {Condition.READY}
