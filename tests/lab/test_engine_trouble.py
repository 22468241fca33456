"""An engine that is killed or hangs: its node says so, and its containers are not taken for dead."""

from __future__ import annotations

import pytest

from cube.model.node import Condition
from cube.wire.views import NodeView
from tests.lab.lab import Lab
from tests.lab.stories import copies, node, running, serve, throughout, victim
from tests.scenarios.processes import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.lab]


def troubled(seen: NodeView) -> bool:
    """Whether its heart beats and it says that its engine does not answer."""
    return seen.condition is Condition.READY and seen.connected and bool(seen.runtime_error)


def test_a_killed_engine_is_told_of_and_its_work_goes_on(lab: Lab) -> None:
    serve(lab, "web")
    before = copies(lab, "web")
    host = victim(lab, "web")
    host.kill_engine()
    eventually(lambda: node(lab, host), troubled, 3)
    throughout(
        5,
        lambda: {slot: one.container_id for slot, one in running(lab.client.task("web")).items()},
        lambda now: now == {slot: one[0].container for slot, one in before.items()},
    )

    host.start_engine()
    eventually(lambda: node(lab, host).runtime_error, lambda error: not error, 10)
    assert copies(lab, "web") == before
    assert lab.client.task("web").restarts == 0


def test_a_hung_engine_is_told_of_and_holds_up_nothing_else(lab: Lab) -> None:
    serve(lab, "web")
    before = copies(lab, "web")
    host = victim(lab, "web")
    host.hang_engine()
    eventually(lambda: node(lab, host), troubled, 20)
    throughout(5, lambda: node(lab, host), troubled)
    serve(lab, "late", replicas=4)
    assert host.name not in {one.node for one in running(lab.client.task("late")).values()}
    assert len(running(lab.client.task("web"))) == 3

    host.continue_engine()
    eventually(lambda: node(lab, host).runtime_error, lambda error: not error, 10)
    assert copies(lab, "web") == before
