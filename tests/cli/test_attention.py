"""What is wrong, the worst first; held to files that a person has read. `GOLDEN=write` writes them anew."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from cube.cli.attention import SHOWN, attention_table, troubles, without_told
from cube.cli.output import plain_rows
from cube.model.allocation import Failure, FailureKind, Health
from cube.model.node import Availability, Condition, Usage
from cube.model.resources import Resources
from cube.model.task import Goal, TaskState
from cube.wire.views import ExitView, NodeView, TaskView
from tests.cli.views import NOW, allocation, node, task

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "status"
LONG_AGO = NOW - timedelta(minutes=9)


def everything_wrong() -> tuple[list[TaskView], list[NodeView]]:
    nodes = [
        node("w1"),
        node("w2", condition=Condition.LOST, heard_ms_ago=12_000, allocations=3),
        node("w3", condition=Condition.SUSPECT, heard_ms_ago=2_500),
        node("w4", runtime_error="the engine does not answer", allocations=2),
        node("w5", quarantine="two workers say to be it"),
        node("w6", availability=Availability.DRAINING, allocations=1),
        node("w7", cube_version="0.0.9"),
        node("w8", capacity=Resources(1000, 1024, 1 << 30), usage=Usage(disk_bytes=(1 << 30) - 9)),
    ]
    tasks: list[TaskView] = [
        task(allocation(), name="fine"),
        task(name="failed", state=TaskState.FAILED, reason="exit 1; its restart policy is never"),
        task(name="waits", state=TaskState.PENDING, reason="no node fits: 8 lack memory"),
        task(
            allocation(),
            allocation(2, health=Health.UNHEALTHY, ready=False),
            name="sick",
            reason="sick.2: GET /: connection refused",
        ),
        task(
            allocation(1, "exited", restarts=4),
            name="crashes",
            reason="restart 5 in 12 s, exit 137 (out of memory)",
        ),
        task(
            allocation(
                started_at=NOW - timedelta(seconds=5),
                restarts=6,
                exit=ExitView(code=137, out_of_memory=True),
            ),
            name="unstable",
        ),
        task(
            allocation(
                1,
                "stopping",
                wanted="remove",
                failure=Failure(FailureKind.STUCK, "cannot be killed"),
            ),
            name="stuck",
            goal=Goal.STOP,
            state=TaskState.RUNNING,
            reason="stopping, 1 container left; stuck.1: cannot be killed",
        ),
    ]
    return tasks, nodes


def test_the_worst_is_told_first_each_with_its_reason() -> None:
    tasks, nodes = everything_wrong()
    shown = "\n".join(plain_rows(attention_table(troubles(tasks, nodes, NOW)))) + "\n"
    golden = GOLDEN / "attention.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)

    assert shown == golden.read_text()


def test_nothing_is_told_where_all_is_well() -> None:
    starting = task(allocation(1, "pulling"), changed_at=NOW - timedelta(seconds=3))
    done = task(name="job", state=TaskState.COMPLETED)

    assert troubles([task(allocation()), starting, done], [node()], NOW) == []


def test_a_start_that_takes_long_is_told() -> None:
    slow = task(allocation(1, "pulling"), changed_at=LONG_AGO, reason="pulling nginx:1.27, 43 %")

    [found] = troubles([slow], [], NOW)

    assert found[1:] == ("task web", "pulling", "pulling nginx:1.27, 43 %")


def test_a_recovery_comes_before_everything() -> None:
    tasks, nodes = everything_wrong()

    assert troubles(tasks, nodes, NOW, recovering="1 node did not call")[0].state == "recovering"


def test_the_rest_of_many_is_counted() -> None:
    tasks: list[TaskView] = [
        task(name=f"t{number:02}", state=TaskState.FAILED, reason="exit 1") for number in range(14)
    ]
    found = troubles(tasks, [], NOW)

    table = attention_table(found)

    assert len(table.rows) == SHOWN + 1
    assert table.rows[-1][0].text == "and 4 more"
    left = [task.name for task in without_told(found, tasks) if task.reason]
    assert left == ["t10", "t11", "t12", "t13"], "what is told above is not told again"


@pytest.mark.parametrize(
    ("phase", "health", "word"),
    [("running", Health.STARTING, "starting"), ("running", Health.NONE, "unready")],
)
def test_what_runs_and_is_not_ready_is_told_by_its_health(
    phase: str, health: Health, word: str
) -> None:
    halting = task(allocation(), allocation(2, phase, health=health, ready=False))

    assert [one.state for one in troubles([halting], [], NOW)] == [word]
