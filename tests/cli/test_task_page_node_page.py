"""One task and one node on a page, held to files that a person has read. `GOLDEN=write` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import msgspec

from cube.cli.node_page import bar, node_page
from cube.cli.output import plain_rows
from cube.cli.tables import Table
from cube.cli.task_page import task_page
from cube.model.allocation import Health, Timings
from cube.model.event import EventKind
from cube.model.node import Usage
from cube.model.resources import Resources
from cube.model.spec import HealthCheck, Port, ProbeKind, TaskSpec, Volume
from cube.wire.views import ExitView
from tests.cli.views import NOW, allocation, event, node, task, waiting

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "status"
MIB = 1 << 20


def hold(name: str, parts: Iterable[list[str] | Table]) -> None:
    """Compare the page, without the parts whose times are those of this place, with its file."""
    texts = [
        "\n".join(part if isinstance(part, list) else plain_rows(part))
        for part in parts
        if not (isinstance(part, Table) and part.columns[0] == "TIME")
    ]
    shown = "\n\n".join(texts) + "\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_a_task_in_full() -> None:
    spec = TaskSpec(
        name="web",
        image="nginx:1.27",
        replicas=3,
        command=("serve", "--fast"),
        env={"PASSWORD": "not shown", "MODE": "x"},
        cpu_millis=500,
        memory_bytes=256 * MIB,
        extras_millis={"gpu": 1500},
        ports=(Port(80, host_port=8080), Port(53)),
        volumes=(Volume("data", "/data", read_only=True),),
        health=HealthCheck(ProbeKind.HTTP, path="/ok", port=80, grace_ms=10_000),
        labels={"tier": "front"},
        constraints=("zone==eu",),
        max_restarts=5,
    )
    view = task(
        allocation(
            timings=Timings(2_100, 40, 300),
            health=Health.HEALTHY,
            started_at=NOW - timedelta(seconds=40),
        ),
        allocation(
            2,
            "exited",
            restarts=2,
            exit=ExitView(code=137, out_of_memory=True),
            reason="restart 3 in 12 s, exit 137 (out of memory)",
        ),
        waiting=(waiting(3),),
        replicas=3,
        spec=spec,
        reason="web.3: no node fits: 1 lacks memory",
    )
    hold("task", task_page(view, [event(1, EventKind.TASK_CREATED)], NOW))


def test_no_value_of_a_variable_is_shown() -> None:
    view = task(allocation(), spec=TaskSpec(name="web", image="x", env={"KEY": "hush"}))

    assert "hush" not in str(list(task_page(view, [], NOW)))


def test_every_kind_of_check_is_told() -> None:
    for check, told in (
        (HealthCheck(ProbeKind.TCP), "tcp every 5 s"),
        (HealthCheck(ProbeKind.COMMAND, command=("pg_isready",)), "pg_isready every 5 s"),
    ):
        spec = TaskSpec(name="web", image="x", health=check)
        facts = next(task_page(task(spec=spec), [], NOW))
        assert any(told in str(line) for line in facts)


def test_a_node_in_full() -> None:
    machine = node(
        id="n-1",
        heard_ms_ago=420,
        labels={"zone": "eu"},
        extras={"gpu": 2},
        extras_reserved_millis={"gpu": 500},
        reserved=Resources(2500, 4096 * MIB, 0),
        usage=Usage(1000, 1024 * MIB, 1 << 30, 0.5),
        capacity=Resources(4000, 8192 * MIB, 1 << 34),
        allocations=1,
    )
    events = [event(3, EventKind.NODE_JOINED, task=None, node="w1")]
    hold("node", node_page(machine, [task(allocation())], events, NOW))


def test_a_node_that_was_never_heard_says_so() -> None:
    machine = msgspec.structs.replace(node(), heard_ms_ago=None, connected=False, usage=None)

    assert "heard:       not since the manager started, not connected" in next(
        node_page(machine, [], [], NOW)
    )


def test_a_bar_shows_what_is_there_at_all_and_never_overflows() -> None:
    assert bar(0, 0, 100, 10) == ".........."
    assert bar(1, 50, 100, 10) == "#====....."
    assert bar(80, 50, 100, 10) == "########.."
    assert bar(300, 900, 100, 10) == "##########"
    assert bar(5, 5, 0) == ""
