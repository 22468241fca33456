"""What a manager counts as it happens, and `/metrics`."""

from __future__ import annotations

import re

import pytest

from cube.core.cluster import Cluster
from cube.core.effects import Snapshot, Writes
from cube.instruments import CONTENT_TYPE
from cube.manager import metrics as metrics_module
from cube.manager.metric_table import OTHER_TASKS
from cube.manager.metrics import ManagerMetrics, outcome_of
from cube.model.allocation import Allocation, Exit, Failure, FailureKind, Phase, Timings
from cube.model.event import EventKind, TaskEvent
from cube.wire.messages import Acknowledge
from tests.builders import a_node, a_task, an_allocation
from tests.manager.conftest import Api

WEB = a_task(name="web")


def cluster(*allocations: Allocation) -> Cluster:
    tasks = [WEB, a_task(name="db")]
    return Cluster(
        Snapshot(cluster_id="c", tasks=tasks, nodes=[a_node("w1")], allocations=list(allocations))
    )


def event(allocation: Allocation, kind: EventKind, code: str = "") -> TaskEvent:
    return TaskEvent(
        revision=1,
        at_ms=0,
        kind=kind,
        task_id=allocation.task_id,
        task="web" if allocation.task_id == WEB.id else "db",
        slot=allocation.slot,
        generation=allocation.generation,
        code=code,
    )


def shown(metrics: ManagerMetrics, beginning: str) -> list[str]:
    text = metrics.instruments.render({}).decode()
    return [line for line in text.splitlines() if line.startswith(beginning)]


def test_a_commit_is_timed_and_its_events_counted_by_kind() -> None:
    runs = an_allocation(WEB, timings=Timings(create_ms=100, start_ms=100))
    metrics = ManagerMetrics(lambda: cluster(runs))
    metrics.recorded(Writes(events=[event(runs, EventKind.ALLOCATION_RUNNING)]), 0.004)
    metrics.not_recorded()

    assert shown(metrics, "cube_ledger_commits_total") == ["cube_ledger_commits_total 1.0"]
    assert shown(metrics, "cube_ledger_commit_failures") == [
        "cube_ledger_commit_failures_total 1.0"
    ]
    assert 'cube_events_total{kind="allocation.running"} 1.0' in shown(metrics, "cube_events")
    assert 'cube_task_start_duration_seconds_sum{phase="create"} 0.1' in shown(
        metrics, "cube_task_start_duration_seconds_sum"
    )


def test_ends_are_counted_by_task_and_outcome_and_only_what_goes_on_is_a_restart() -> None:
    again = an_allocation(WEB, phase=Phase.EXITED, exit=Exit(137, out_of_memory=True))
    over = an_allocation(a_task(name="db"), phase=Phase.COMPLETED, exit=Exit(0))
    metrics = ManagerMetrics(lambda: cluster(again, over))
    events = [
        event(again, EventKind.ALLOCATION_EXITED),
        event(over, EventKind.ALLOCATION_COMPLETED),
    ]
    metrics.recorded(Writes(events=events), 0)

    assert shown(metrics, "cube_task_restarts") == ['cube_task_restarts_total{task="web"} 1.0']
    assert shown(metrics, "cube_task_exits") == [
        'cube_task_exits_total{outcome="out_of_memory",task="web"} 1.0',
        'cube_task_exits_total{outcome="ok",task="db"} 1.0',
    ]


def test_a_failure_is_counted_by_its_kind() -> None:
    failure = Failure(FailureKind.IMAGE_MISSING, "no such image")
    failed = an_allocation(WEB, phase=Phase.FAILED, failure=failure)
    metrics = ManagerMetrics(lambda: cluster(failed))
    metrics.recorded(
        Writes(events=[event(failed, EventKind.ALLOCATION_FAILED, "image_missing")]), 0
    )

    assert shown(metrics, "cube_task_failures") == [
        'cube_task_failures_total{kind="image_missing"} 1.0'
    ]
    assert shown(metrics, "cube_task_exits") == []  # no container ever ran


def test_what_was_forgotten_meanwhile_is_no_fault() -> None:
    gone = an_allocation(a_task(name="gone"))
    metrics = ManagerMetrics(cluster)
    metrics.recorded(Writes(events=[event(gone, EventKind.ALLOCATION_RUNNING)]), 0)

    assert shown(metrics, "cube_ledger_commits_total") == ["cube_ledger_commits_total 1.0"]


def test_very_many_tasks_share_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "TASKS_SHOWN", 1)
    web = an_allocation(WEB, phase=Phase.EXITED)
    db = an_allocation(a_task(name="db"), phase=Phase.EXITED)
    metrics = ManagerMetrics(lambda: cluster(web, db))
    for ended in (web, db, web):
        metrics.recorded(Writes(events=[event(ended, EventKind.ALLOCATION_EXITED)]), 0)

    assert shown(metrics, "cube_task_restarts") == [
        'cube_task_restarts_total{task="web"} 2.0',
        f'cube_task_restarts_total{{task="{OTHER_TASKS}"}} 1.0',
    ]


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (Exit(0), "ok"),
        (Exit(3), "error"),
        (Exit(143), "signal"),
        (Exit(137, out_of_memory=True), "out_of_memory"),
        (Exit(255), "error"),
    ],
)
def test_the_class_of_an_exit(ended: Exit, outcome: str) -> None:
    assert outcome_of(ended) == outcome


async def scrape(api: Api) -> dict[str, float]:
    async with api.session.get(f"{api.base}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        lines = (await answer.text()).splitlines()
    split = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in split}


async def test_a_scrape_shows_a_working_cluster(api: Api) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web", replicas=2)
        await api.submit(name="big", memory_bytes=1 << 49)
        for order in await worker.orders(2):
            await worker.report(order.id, Phase.RUNNING)
            await worker.expect(Acknowledge)
        seen = await scrape(api)

    assert seen['cube_tasks{state="running"}'] == 1
    assert seen['cube_slots{standing="ready"}'] == 2
    assert seen['cube_slots_pending{reason="resources"}'] == 1
    assert seen['cube_node_up{node="w1"}'] == 1
    assert seen['cube_node_lease_age_seconds{node="w1"}'] < 5
    assert seen["cube_sessions"] == 1
    assert seen["cube_writable"] == 1
    assert seen['cube_task_start_duration_seconds_count{phase="total"}'] == 2
    assert seen["cube_ledger_commits_total"] >= 3
    assert seen['cube_ledger_size_bytes{file="ledger"}'] > 0
    assert seen["cube_decision_duration_seconds_count"] > 0


async def test_requests_are_counted_by_route_and_never_by_what_a_stranger_asked(api: Api) -> None:
    await api.submit(name="web")
    await api.ask("GET", "/task/web")
    await api.ask("GET", "/task/nope")
    await api.ask("GET", "/wp-login.php")
    await api.ask("PROPFIND", "/task")
    async with api.worker() as worker:
        await worker.welcome()
    seen = await scrape(api)

    counted = {name: value for name, value in seen.items() if "cube_http_requests" in name}
    assert counted == {
        'cube_http_requests_total{method="POST",route="/task",status="201"}': 1,
        'cube_http_requests_total{method="GET",route="/task/{ref}",status="200"}': 1,
        'cube_http_requests_total{method="GET",route="/task/{ref}",status="404"}': 1,
        'cube_http_requests_total{method="GET",route="(none)",status="404"}': 1,
        'cube_http_requests_total{method="other",route="(none)",status="405"}': 1,
        'cube_http_requests_total{method="GET",route="/worker/session",status="101"}': 1,
    }
    timed = [name for name in seen if re.match(r"cube_http_request_duration_seconds_count", name)]
    assert not [name for name in timed if "/worker/session" in name]


async def test_an_empty_manager_shows_every_state_as_none(api: Api) -> None:
    seen = await scrape(api)

    states = {name: value for name, value in seen.items() if name.startswith("cube_tasks")}
    assert len(states) == 5
    assert set(states.values()) == {0}
