"""What is shown at one moment, and what of it where there is little room."""

from __future__ import annotations

from typing import Any

import pytest

from cube.cli.frames import Frame, Row, Stopwatch, counts, drain_frame, fitted, task_frame
from cube.model.allocation import Health
from cube.model.node import Availability
from cube.wire.views import DrainView, LeaverView
from tests.cli.views import allocation, task, waiting


def rows(*allocations: Any, **changes: Any) -> tuple[Row, ...]:
    return task_frame(task(*allocations, **changes), Stopwatch(), 0.0).rows


def test_a_task_has_a_row_for_each_slot_in_order() -> None:
    view = task(allocation(2), allocation(1, "creating"), waiting=(waiting(3),), replicas=3)
    frame = task_frame(view, Stopwatch(), 5.0)
    assert frame.summary == "web: 1 of 3 ready"
    assert [(row.name, row.state, row.node) for row in frame.rows] == [
        ("web.1", "creating", "w1"),
        ("web.2", "running", "w1"),
        ("web.3", "waiting", "-"),
    ]
    assert frame.rows[2].detail == "no node fits: 1 lacks memory"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"health": Health.STARTING, "ready": False}, "starting"),
        ({"health": Health.HEALTHY}, "healthy"),
        ({"health": Health.UNHEALTHY, "ready": False}, "unhealthy"),
        ({"wanted": "remove"}, "stopping"),
    ],
)
def test_what_runs_is_as_its_probes_say(changes: dict[str, Any], state: str) -> None:
    assert rows(allocation(**changes))[0].state == state


@pytest.mark.parametrize(
    ("reason", "share"),
    [
        ("pulling nginx:1.27, 43 % of 68.0 MiB", 0.43),
        ("pulling nginx:1.27, 100 % of 2.1 GiB", 1.0),
        ("pulling nginx:1.27, 7 %", 0.07),
        ("pulling nginx:1.27", None),
        ("the registry is away, 7 % of the time", None),
    ],
)
def test_how_much_of_an_image_is_there_is_read_from_what_is_said(
    reason: str, share: float | None
) -> None:
    assert rows(allocation(phase="pulling", reason=reason))[0].share == share


def test_a_slot_counts_its_seconds_until_it_is_settled() -> None:
    watch = Stopwatch()
    seen = [
        watch.seconds("a", settled, now)
        for settled, now in ((False, 1.0), (False, 3.5), (True, 4.0), (True, 9.0), (False, 10.0))
    ]
    assert seen == [0.0, 2.5, 3.0, 3.0, 9.0]
    assert watch.seconds("b", True, 1.0) is None


def leaver(name: str, step: str, **changes: Any) -> LeaverView:
    fields: dict[str, Any] = {"name": name, "task_id": "t", "allocation_id": name, "step": step}
    return LeaverView(**fields | changes)


def a_drain(*left: LeaverView) -> DrainView:
    return DrainView(node_id="n-1", node="w1", availability=Availability.DRAINING, left=left)


def test_a_drain_shows_who_takes_over_where() -> None:
    relief = allocation(phase="pulling", node="w2", reason="pulling nginx, 5 % of 9.0 MiB")
    frame = drain_frame(
        a_drain(leaver("web.1", "relieved", relief=relief), leaver("db.1", "blocked", reason="no")),
        Stopwatch(),
        0.0,
    )
    assert frame.summary == "w1: 2 left"
    assert [(row.name, row.state, row.node, row.share, row.detail) for row in frame.rows] == [
        ("web.1", "pulling", "w1 to w2", 0.05, "pulling nginx, 5 % of 9.0 MiB"),
        ("db.1", "blocked", "w1", None, "no"),
    ]
    assert drain_frame(a_drain(), Stopwatch(), 0.0).summary == "w1: empty"


def many() -> Frame:
    states = {3: "failed", 700: "pulling", 999: "waiting"}
    return Frame("web", "", tuple(Row(f"web.{n}", states.get(n, "running")) for n in range(1000)))


def test_a_thousand_replicas_are_the_few_that_matter_and_a_count() -> None:
    shown = fitted(many(), 5)
    assert [row.name for row in shown.rows] == ["web.0", "web.3", "web.700", "web.999"]
    assert shown.rest == "and 996 more: 996 running"


@pytest.mark.parametrize("most", [1, 2, 22, 999])
def test_there_are_never_more_lines_than_asked_for(most: int) -> None:
    shown = fitted(many(), most)
    assert len(shown.rows) + bool(shown.rest) == most


def test_what_fits_is_shown_whole() -> None:
    assert fitted(many(), 1000) == (many().rows, "")


def test_states_are_counted_the_most_urgent_first() -> None:
    assert counts(many().rows) == "1 failed, 1 waiting, 1 pulling, 997 running"
