"""From views to rows, and rows in a pipe."""

from __future__ import annotations

import io
from datetime import timedelta

from cube.cli.output import one_line, plain_rows
from cube.cli.tables import (
    Cell,
    Table,
    node_table,
    overview,
    slot_table,
    subject,
    task_table,
    visible,
)
from cube.model.allocation import Health, PortBinding
from cube.model.node import Availability, Condition
from cube.model.resources import Resources
from cube.model.task import Goal, TaskState
from cube.wire.views import ExitView
from tests.cli.views import NOW, allocation, event, node, task, waiting


def test_what_is_wrong_comes_first() -> None:
    tasks = [
        task(name="fine"),
        task(allocation(), name="running"),
        task(allocation(), name="half", replicas=2),
        task(name="broken", state=TaskState.FAILED),
        task(name="over", state=TaskState.COMPLETED),
        task(name="unplaced", state=TaskState.PENDING),
    ]

    names = [row[0].text for row in task_table(tasks, NOW).rows]

    assert names == ["broken", "unplaced", "fine", "half", "running", "over"]


def test_rows_in_a_pipe_are_aligned_and_never_cut() -> None:
    reason = "no node fits: " + ", ".join(f"w{number} lacks memory" for number in range(30))
    tasks = [
        task(allocation(), allocation(2, node="w2", restarts=2)),
        task(name="api", state=TaskState.PENDING, reason=reason),
    ]

    assert plain_rows(task_table(tasks, NOW)) == [
        "NAME  STATE    READY  RESTARTS  NODE   IMAGE       AGE  REASON",
        f"api   pending  0/1    0         -      nginx:1.27  3m   {reason}",
        "web   running  2/2    2         w1,w2  nginx:1.27  3m",
    ]


def test_slots_stand_in_order_whether_they_run_or_wait() -> None:
    ports = (PortBinding(container_port=80, host_port=49153),)
    view = task(
        allocation(1, ports=ports, started_at=NOW - timedelta(seconds=40), health=Health.HEALTHY),
        allocation(3, "exited", exit=ExitView(code=137, out_of_memory=True), reason="restart 2"),
        waiting=(waiting(2, "no node fits"),),
        replicas=3,
    )

    assert plain_rows(slot_table(view, NOW)) == [
        "SLOT   STATE    HEALTH   NODE  RESTARTS  STARTED  PORTS                  EXIT               REASON",
        "web.1  running  healthy  w1    0         40s      0.0.0.0:49153->80/tcp  -",
        "web.2  waiting  -        -     -         -        -                      -                  no node fits",
        "web.3  exited   -        w1    0         -        -                      137 out of memory  restart 2",
    ]


def test_a_node_shows_the_worst_that_is_known_of_it() -> None:
    nodes = [
        node("a", condition=Condition.LOST, availability=Availability.DRAINING),
        node("b", availability=Availability.DRAINING),
        node("c", reserved=Resources(1500, 512 * 1024**2), labels={"zone": "eu"}),
    ]

    assert plain_rows(node_table(nodes)) == [
        "NAME  STATE     CPU    MEMORY            SLOTS  HEARD  ENGINE           LABELS   REASON",
        "a     lost      0/4    0 B of 8 GiB      0      0s     docker 20.10.24",
        "b     draining  0/4    0 B of 8 GiB      0      0s     docker 20.10.24",
        "c     ready     1.5/4  512 MiB of 8 GiB  0      0s     docker 20.10.24  zone=eu",
    ]


def test_the_cluster_in_one_line() -> None:
    tasks = [task(allocation()), task(name="api", state=TaskState.FAILED)]
    nodes = [node("w1"), node("w2", condition=Condition.SUSPECT)]

    assert overview(tasks, nodes, "127.0.0.1:5555") == (
        "manager 127.0.0.1:5555 | nodes 1/2 ready | 2 tasks: 1 failed, 1 running | replicas 1/2 ready"
    )


def test_what_is_over_is_left_out() -> None:
    stopped = task(name="old", goal=Goal.STOP, state=TaskState.COMPLETED)
    stopping = task(allocation(), name="leaving", goal=Goal.STOP)
    done = task(name="job", state=TaskState.COMPLETED, created_at=NOW - timedelta(days=1))
    again = task(name="job", id="t-job-2", state=TaskState.COMPLETED)

    assert visible([stopped, stopping, done, again]) == [stopping, again]


def test_an_event_names_whom_it_is_about() -> None:
    assert subject(event(1, slot=2, node="w1")) == "web.2 on w1"
    assert subject(event(1)) == "web"
    assert subject(event(1, task=None, node="w1")) == "w1"


def test_nothing_that_steers_a_terminal_gets_into_a_row() -> None:
    assert one_line("a\x1b[2Jb\nc\x07\u202e") == "a [2Jb c  "
    rows = plain_rows(Table(("A", "B"), [(Cell("x\ny"), Cell("z\r"))]))
    assert rows == ["A    B", "x y  z"]


def test_a_narrow_terminal_folds_what_is_long_and_cuts_nothing() -> None:
    from rich.console import Console

    from cube.cli.output import rich_table

    reason = "no node fits: 2 lack memory (nearest w1, 212 MiB short)"
    table = task_table([task(name="a-long-name", state=TaskState.PENDING, reason=reason)], NOW)
    console = Console(width=90, record=True, file=io.StringIO())

    console.print(rich_table(table))

    text = console.export_text()
    assert "a-long-name" in text
    assert "…" not in text
    assert set(reason.split()) <= set(text.split())
