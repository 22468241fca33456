"""The phases of a start, from the events that tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from cube.manager import starts as starts_module
from cube.manager.starts import Starts
from cube.model.allocation import Allocation, Health, Phase, Timings
from cube.model.event import EventKind, TaskEvent
from tests.builders import a_task, an_allocation

TASK = a_task(name="web", changed_ms=1_000)
TOOK = Timings(pull_ms=2_000, create_ms=100, start_ms=400)


def event(kind: EventKind, at_ms: int, code: str = "") -> TaskEvent:
    return TaskEvent(revision=1, at_ms=at_ms, kind=kind, task_id=TASK.id, task="web", code=code)


def running(**seen: Any) -> Allocation:
    given: dict[str, Any] = {"assigned_ms": 1_500, "timings": TOOK} | seen
    return an_allocation(TASK, **given)


def phases(starts: Starts, happened: TaskEvent, allocation: Allocation) -> dict[str, float]:
    return dict(starts.phases(happened, allocation, TASK))


def test_a_slot_waits_in_the_queue_until_it_is_assigned() -> None:
    assigned = event(EventKind.ALLOCATION_ASSIGNED, 1_500)

    assert phases(Starts(), assigned, an_allocation(TASK, phase=Phase.ASSIGNED)) == {"queue": 0.5}


def test_a_replacement_was_not_asked_for_by_its_user() -> None:
    again = an_allocation(TASK, generation=2, phase=Phase.ASSIGNED)

    assert phases(Starts(), event(EventKind.ALLOCATION_ASSIGNED, 9_000), again) == {}


def test_a_running_container_tells_of_its_steps_and_dispatch_is_the_rest() -> None:
    told = phases(Starts(), event(EventKind.ALLOCATION_RUNNING, 4_200), running())

    assert told == {"pull": 2.0, "create": 0.1, "start": 0.4, "dispatch": 0.2, "total": 3.2}


def test_an_image_that_was_there_is_no_pull_of_no_time() -> None:
    seen = running(timings=Timings(create_ms=100, start_ms=400))

    assert "pull" not in phases(Starts(), event(EventKind.ALLOCATION_RUNNING, 4_200), seen)


def test_a_restart_is_no_start() -> None:
    again = running(restart=1)

    assert phases(Starts(), event(EventKind.ALLOCATION_RUNNING, 9_000), again) == {}


def test_with_a_health_check_the_start_ends_when_it_passes_first() -> None:
    starts = Starts()
    began = running(health=Health.STARTING)
    assert "total" not in phases(starts, event(EventKind.ALLOCATION_RUNNING, 4_200), began)

    well = running(health=Health.HEALTHY, started_ms=70_000, at_ms=71_500)
    passed = event(EventKind.ALLOCATION_HEALTH, 6_000, "healthy")

    assert phases(starts, passed, well) == {"ready": 1.5, "total": 5.0}
    assert phases(starts, passed, well) == {}  # it recovered: no start


def test_one_that_ended_before_it_was_healthy_is_forgotten() -> None:
    starts = Starts()
    phases(starts, event(EventKind.ALLOCATION_RUNNING, 4_200), running(health=Health.STARTING))
    ended = running(phase=Phase.EXITED)
    assert phases(starts, event(EventKind.ALLOCATION_EXITED, 5_000), ended) == {}

    well = running(health=Health.HEALTHY)
    assert phases(starts, event(EventKind.ALLOCATION_HEALTH, 6_000, "healthy"), well) == {}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts_module, "STARTING_MOST", 0)
    starts = Starts()
    phases(starts, event(EventKind.ALLOCATION_RUNNING, 4_200), running(health=Health.STARTING))

    well = running(health=Health.HEALTHY)
    assert phases(starts, event(EventKind.ALLOCATION_HEALTH, 6_000, "healthy"), well) == {}


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    told = phases(Starts(), event(EventKind.ALLOCATION_RUNNING, 0), running())

    assert min(told.values()) == 0
