"""How the manager itself is: for people, probes and dashboards."""

from __future__ import annotations

import cube
from cube.manager.app import Manager
from cube.model.allocation import Phase
from cube.wire.messages import PROTOCOL, Acknowledge
from tests.manager.conftest import Api


async def test_a_probe_hears_that_it_lives_and_takes_changes(api: Api) -> None:
    assert await api.get("/healthz") == {"status": "ok"}
    assert await api.get("/readyz") == {"status": "ready"}


async def test_it_says_who_answers(api: Api) -> None:
    version = await api.get("/version")
    assert (version["version"], version["protocol"]) == (cube.__version__, PROTOCOL)
    assert version["cluster_id"]


async def test_an_empty_manager_counts_nothing(api: Api) -> None:
    stats = await api.get("/stats")
    assert stats.pop("loop_lag_max_ms") >= stats.pop("loop_lag_ms") >= 0
    assert set(stats.values()) == {0}


async def test_it_counts_what_there_is(api: Api, manager: Manager) -> None:
    async with api.worker("w1") as worker, api.worker("w2", runtime_error="no engine") as other:
        await worker.welcome()
        await other.welcome()
        await api.submit(name="web", replicas=2)
        for order in await worker.orders(2):
            await worker.report(order.id, Phase.RUNNING)
            await worker.expect(Acknowledge)
        stats = await api.get("/stats")
    assert (stats["tasks"], stats["allocations"]) == (1, 2)
    assert (stats["replicas_running"], stats["replicas_waiting"]) == (2, 0)
    assert (stats["nodes"], stats["nodes_ready"], stats["sessions"]) == (2, 1, 2)
    assert stats["revision"] == (await api.get("/event"))[-1]["revision"]
