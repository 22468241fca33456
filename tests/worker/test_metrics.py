"""What a worker counts, and `/metrics` on its own API."""

from __future__ import annotations

import aiohttp

from cube.core.worker.inputs import (
    LeaseConfirmed,
    Probed,
    SessionOpened,
    StepDone,
    StepFailed,
)
from cube.core.worker.steps import Discard, Pull
from cube.instruments import CONTENT_TYPE
from cube.model.allocation import Failure, FailureKind
from cube.worker.app import Worker
from cube.worker.metrics import WorkerMetrics
from tests.worker.orders import ID, run
from tests.worker.small_engine import SmallEngine
from tests.worker.small_manager import SmallManager


def shown(metrics: WorkerMetrics, beginning: str) -> list[str]:
    """The series whose names begin so, without the buckets."""
    lines = metrics.render({}).decode().splitlines()
    return [line for line in lines if line.startswith(beginning) and "_bucket" not in line]


def test_questions_to_the_engine_are_timed_and_their_failures_named() -> None:
    metrics = WorkerMetrics()
    metrics.engine_asked("create", 0.5, None)
    metrics.engine_asked("create", 1.0, FailureKind.ENGINE_SLOW)

    assert shown(metrics, "cube_worker_engine_call") == [
        'cube_worker_engine_call_duration_seconds_count{operation="create"} 2.0',
        'cube_worker_engine_call_duration_seconds_sum{operation="create"} 1.5',
    ]
    assert shown(metrics, "cube_worker_engine_errors") == [
        'cube_worker_engine_errors_total{kind="engine_slow",operation="create"} 1.0'
    ]


def test_a_stream_of_events_that_was_opened_again_is_seen() -> None:
    metrics = WorkerMetrics()
    metrics.engine_asked("events", 0.1, None)
    metrics.engine_asked("events", 0.1, FailureKind.ENGINE_AWAY)
    metrics.engine_asked("events", 0.1, None)

    assert shown(metrics, "cube_worker_engine_event") == [
        "cube_worker_engine_event_streams_total 2.0"
    ]


def test_steps_and_probes_are_counted_as_the_core_hears_of_them() -> None:
    metrics = WorkerMetrics()
    metrics.told(StepDone(Pull(id=ID, image="busybox"), None, 2_500))
    failure = Failure(FailureKind.STUCK, "it lives on")
    metrics.told(StepFailed(Discard(id=ID, container_id="c1"), failure))
    for passed in (True, False, True):
        metrics.told(Probed(ID, "c1", passed))

    assert 'cube_worker_step_duration_seconds_sum{step="pull"} 2.5' in shown(
        metrics, "cube_worker_step_duration"
    )
    assert shown(metrics, "cube_worker_step_failures") == [
        'cube_worker_step_failures_total{kind="stuck",step="discard"} 1.0'
    ]
    assert shown(metrics, "cube_worker_probes") == [
        'cube_worker_probes_total{result="passed"} 2.0',
        'cube_worker_probes_total{result="failed"} 1.0',
    ]


def test_the_lease_counts_from_when_it_was_sent() -> None:
    metrics = WorkerMetrics()
    assert metrics.lease_from is None
    metrics.told(SessionOpened(1, 4.0, 10.0))
    assert metrics.lease_from == 10.0
    metrics.told(LeaseConfirmed(11.5))

    assert metrics.lease_from == 11.5
    assert shown(metrics, "cube_worker_sessions") == ["cube_worker_sessions_total 1.0"]


async def scrape(worker: Worker) -> dict[str, float]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{worker.port}/metrics") as answer,
    ):
        assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
        lines = (await answer.text()).splitlines()
    split = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in split}


async def test_a_scrape_shows_the_worker_and_its_machine(
    worker: Worker, manager: SmallManager
) -> None:
    manager.first_orders = (run(),)
    await manager.until(lambda: manager.phases == ["RUNNING"])
    seen = await scrape(worker)

    assert seen['cube_worker_containers{phase="running"}'] == 1
    assert seen['cube_worker_containers{phase="exited"}'] == 0
    assert seen['cube_worker_step_duration_seconds_count{step="start"}'] == 1
    assert (seen["cube_worker_engine_up"], seen["cube_worker_session_up"]) == (1, 1)
    assert 0 <= seen["cube_worker_lease_age_seconds"] < 5
    assert seen["cube_worker_host_cpu_cores"] >= 1
    assert seen['cube_worker_host_cpu_seconds_total{mode="user"}'] > 0
    for what in ("memory", "disk"):
        used = seen[f'cube_worker_host_{what}_bytes{{kind="used"}}']
        assert 0 < used < seen[f'cube_worker_host_{what}_bytes{{kind="total"}}']


async def test_an_engine_that_is_away_is_seen(
    worker: Worker, manager: SmallManager, engine: SmallEngine
) -> None:
    await manager.until(lambda: bool(manager.leases))
    engine.away = "no engine"
    await manager.until(lambda: manager.leases[-1].runtime_error == "no engine")

    assert (await scrape(worker))["cube_worker_engine_up"] == 0
