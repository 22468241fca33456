"""How long each step of a start took."""

from __future__ import annotations

from datetime import timedelta

from cube.cli.output import plain_rows
from cube.cli.timeline import steps_of, timeline_table
from cube.model.allocation import Timings
from cube.model.event import EventKind
from cube.wire.views import EventView
from tests.cli.views import NOW, allocation, event, task

TOOK = Timings(pull_ms=2_100, create_ms=40, start_ms=300)


def story(*told: tuple[int, EventKind, str, int | None, int | None]) -> list[EventView]:
    """Events: (milliseconds after noon, what, code, slot, generation)."""
    return [
        event(
            number,
            kind,
            at=NOW + timedelta(milliseconds=ms),
            code=code,
            slot=slot,
            generation=generation,
        )
        for number, (ms, kind, code, slot, generation) in enumerate(told, 1)
    ]


STORY = story(
    (0, EventKind.TASK_CREATED, "", None, None),
    (3, EventKind.ALLOCATION_ASSIGNED, "", 1, 1),
    (10, EventKind.ALLOCATION_PULLING, "", 1, 1),
    (2_500, EventKind.ALLOCATION_RUNNING, "", 1, 1),
    (7_500, EventKind.ALLOCATION_HEALTH, "healthy", 1, 1),
)


def test_each_step_has_its_length() -> None:
    steps = steps_of(allocation(timings=TOOK), STORY)

    assert (steps.scheduled, steps.pulled, steps.created, steps.started) == (3, 2_100, 40, 300)
    assert (steps.healthy, steps.total) == (5_000, 7_500)


def test_it_is_told_in_words() -> None:
    view = task(allocation(timings=TOOK), allocation(2, "assigned"))
    table = timeline_table(view, STORY)

    assert table is not None
    heading, row, *rest = plain_rows(table)
    assert rest == [], "of the second nothing is known"
    assert heading.split() == (
        "SLOT NODE ASKED SCHEDULED PULLED CREATED STARTED HEALTHY TOTAL".split()
    )
    assert row.endswith("3 ms       2.1 s   40 ms    300 ms   5.0 s    7.5 s")


def test_a_replacement_is_counted_from_the_end_of_the_stay_before() -> None:
    events = [
        *STORY,
        *story(
            *[(0, EventKind.TASK_STATE, "", None, None)] * 5,
            (60_000, EventKind.ALLOCATION_LOST, "", 1, 1),
            (60_004, EventKind.ALLOCATION_ASSIGNED, "", 1, 2),
        )[5:],
    ]
    steps = steps_of(allocation(1, "pulling", generation=2), events)

    assert (steps.scheduled, steps.asked_at) == (4, NOW + timedelta(seconds=60))
    assert (steps.healthy, steps.total) == (None, None)


def test_the_wish_before_it_counts_and_not_one_that_came_later() -> None:
    later = story(
        *[(0, EventKind.TASK_STATE, "", None, None)] * 5,
        (9_000, EventKind.TASK_CHANGED, "", None, None),
    )[5:]

    assert steps_of(allocation(), [*STORY, *later]).scheduled == 3


def test_after_restarts_the_whole_length_means_nothing() -> None:
    assert steps_of(allocation(restarts=2), STORY).total is None


def test_without_events_there_is_nothing_to_show() -> None:
    assert timeline_table(task(allocation()), []) is None
