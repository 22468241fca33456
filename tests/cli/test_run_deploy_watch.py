"""`cube run`: what it sends, what it says, and the code it leaves with."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cube.cli import follow
from cube.cli.run import set_command_apart
from cube.errors import Conflict
from cube.model.allocation import Failure, FailureKind, Health, PortBinding
from cube.model.task import TaskState
from cube.wire.views import ExitView, LogRecord
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import allocation, task, waiting

PORTS = (PortBinding(container_port=80, host_port=49153),)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(follow, "SETTLE_SECONDS", 0.05)


def accept(manager: FakeManager, *views: Any) -> None:
    manager.answer("POST", "/task", json(views[0], 201))
    manager.play(*views)


def sent(manager: FakeManager) -> dict[str, Any]:
    document = manager.requests("POST", "/task")[0].body
    assert isinstance(document, dict)
    return document


def test_a_task_that_comes_up_is_told_with_its_address(manager: FakeManager, cube: Cube) -> None:
    accept(
        manager,
        task(),
        task(allocation(phase="pulling", reason="pulling nginx:1.27")),
        task(allocation(ports=PORTS)),
    )

    code, out, err = cube("run", "nginx:1.27", "--name", "web", "-p", "80")

    assert (code, out) == (0, "web.1 on w1: 0.0.0.0:49153->80/tcp\n")
    assert err.splitlines() == [
        "web.1 on w1: pulling: pulling nginx:1.27",
        "web.1 on w1: running",
        "task web is running",
    ]


def test_a_task_that_ends_well_is_done(manager: FakeManager, cube: Cube) -> None:
    ended = task(allocation(phase="completed"), state=TaskState.COMPLETED)
    accept(manager, task(allocation()), ended)

    code, out, err = cube("run", "busybox", "--name", "web", "true")

    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "task web completed"


def test_detached_it_prints_the_id_alone(manager: FakeManager, cube: Cube) -> None:
    accept(manager, task())

    assert cube("run", "-d", "nginx") == (0, "t-web\n", "")


def failed(**changes: Any) -> Any:
    return task(allocation(phase="failed", **changes), state=TaskState.FAILED)


FAILURES = {
    "it failed": (
        failed(reason="exit 3", exit=ExitView(code=3)),
        1,
        "cube: web.1 on w1 failed: exit 3",
    ),
    "the image is missing": (
        failed(failure=Failure(FailureKind.IMAGE_MISSING, "image nope:1 not found")),
        1,
        "cube: web.1 on w1 failed: image nope:1 not found",
    ),
    "it keeps ending": (
        [
            task(allocation(phase="exited", restarts=0)),
            task(allocation(phase="exited", restarts=3, reason="restart 4 in 1 s, exit 1")),
        ],
        1,
        "cube: web.1 on w1 keeps ending: restart 4 in 1 s, exit 1",
    ),
    "no node fits": (
        task(waiting=(waiting(),), replicas=1, state=TaskState.PENDING),
        4,
        "cube: web.1 cannot be placed now: no node fits: 1 lacks memory",
    ),
    "its health check fails": (
        task(allocation(health=Health.UNHEALTHY, ready=False, reason="unhealthy: GET /health 500")),
        5,
        "cube: web.1 on w1 is unhealthy: GET /health 500",
    ),
}


@pytest.mark.parametrize(("views", "code", "told"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_told_with_its_reason_and_code(
    manager: FakeManager, cube: Cube, views: Any, code: int, told: str
) -> None:
    accept(manager, *(views if isinstance(views, list) else [views]))

    result = cube("run", "nginx", "--name", "web")

    assert (result.code, result.out) == (code, "")
    assert told in result.err.splitlines()


def test_a_failure_shows_the_last_lines_of_its_log(manager: FakeManager, cube: Cube) -> None:
    accept(manager, failed(reason="exit 1"))
    records = [
        LogRecord(name="web.1", node="w1", at_ns=1, text="cannot open /etc/app\x1b[2J"),
        LogRecord(name="web.2", node="w1", at_ns=2, text="all is well"),
    ]
    lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    manager.answer("GET", "/task/t-web/logs", Answer(body=lines))

    result = cube("run", "nginx", "--name", "web")

    assert "  web.1 | cannot open /etc/app [2J" in result.err.splitlines()
    assert "all is well" not in result.err
    assert manager.requests("GET", "/task/t-web/logs")[0].query["tail"] == "20"


def test_a_name_that_is_taken_is_a_conflict(manager: FakeManager, cube: Cube) -> None:
    taken = Conflict("the name web is taken", hint="use `cube apply` to change it")
    manager.answer("POST", "/task", refusal(taken))

    assert cube("run", "nginx", "--name", "web") == (
        6,
        "",
        "cube: the name web is taken\nhint: use `cube apply` to change it\n",
    )


def test_waiting_has_an_end_when_one_was_set(manager: FakeManager, cube: Cube) -> None:
    accept(manager, task(allocation(phase="pulling", reason="pulling, 3 %")))

    result = cube("run", "nginx", "--name", "web", "--timeout", "300ms")

    assert result.code == 124
    assert "cube: task web is not ready after 0s" in result.err


@pytest.mark.parametrize(
    ("given", "apart"),
    [
        ("img", "img"),
        ("-d img --name x", "-d img --name x"),
        ("img sh -c ls", "img -- sh -c ls"),
        ("-p 80 img -d ls -l", "-p 80 img -d -- ls -l"),
        ("-dp 80 img ls", "-dp 80 img -- ls"),
        ("-p80 img ls", "-p80 img -- ls"),
        ("--name=x img ls", "--name=x img -- ls"),
        ("img -- -x", "img -- -x"),
        ("- -d", "- -d"),
    ],
)
def test_the_command_begins_at_the_second_plain_word(given: str, apart: str) -> None:
    assert set_command_apart(given.split(), {"-p", "--name"}) == apart.split()
