"""What containers wrote, and what happened."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from cube.cli.logs import line_writer, moment_option
from cube.model.event import EventKind
from cube.model.task import TaskState
from cube.wire.views import LogRecord
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json
from tests.cli.views import allocation, event, task


def records(*lines: LogRecord) -> Answer:
    return Answer(body=b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + b"\n")


def one(name: str, text: str, **more: Any) -> LogRecord:
    fields = {"name": name, "node": "w1", "at_ns": 1, "text": text, **more}
    return msgspec.convert(fields, LogRecord)


@pytest.fixture
def web(manager: FakeManager) -> None:
    """The task web of 10 replicas, of which one runs."""
    manager.tasks = [task(allocation(container_id="c1"), replicas=10)]


def asked(manager: FakeManager) -> dict[str, str]:
    return manager.requests("GET", "/task/t-web/logs")[0].query


@pytest.mark.usefixtures("web")
def test_logs_of_all_slots_have_their_names_before_them(manager: FakeManager, cube: Cube) -> None:
    manager.answer(
        "GET",
        "/task/t-web/logs",
        records(
            one("web.1", "one"),
            LogRecord(name="web.3", node="w3", warning="node w3 is not \x1b[1mconnected"),
            one("web.10", "two \x1b[1mbold\x1b[0m"),
        ),
    )

    code, out, err = cube("logs", "web", "-n", "10")

    assert code == 0
    assert out == "web.1  | one\nweb.10 | two \x1b[1mbold\x1b[0m\n", "a pipe gets what was written"
    assert err == "cube: web.3 on w3: node w3 is not  [1mconnected\n"
    assert asked(manager) == {"tail": "10"}


@pytest.mark.usefixtures("web")
def test_logs_with_times_and_without_names(manager: FakeManager, cube: Cube) -> None:
    at = 1_767_225_600_123_456_789
    manager.answer("GET", "/task/t-web/logs", records(one("web.1", "x", at_ns=at)))

    result = cube(
        *("logs", "web", "-t", "--no-prefix", "--since", "2026-01-01T00:00:00Z"),
        *("--until", "2026-01-01T00:00:00.5+01:00"),
    )

    assert result.out == "2026-01-01T00:00:00.123456Z x\n"
    assert asked(manager) == {
        "since_ns": "1767225600000000000", "until_ns": "1767222000500000000"
    }  # fmt: skip


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("flags", "query"),
    [
        ((), {}),
        (("--stdout",), {"stderr": "0"}),
        (("--stderr",), {"stdout": "0"}),
        (("--stdout", "--stderr"), {}),
    ],
)
def test_one_output_only(
    manager: FakeManager, cube: Cube, flags: tuple[str, ...], query: dict[str, str]
) -> None:
    manager.answer("GET", "/task/t-web/logs", records())

    assert cube("logs", "web", *flags).code == 0
    assert asked(manager) == query


@pytest.mark.usefixtures("web")
def test_losses_are_counted_at_the_end(manager: FakeManager, cube: Cube) -> None:
    gone = LogRecord(name="web.1", node="w1", warning="lines are lost", lost=True)
    manager.answer("GET", "/task/t-web/logs", records(gone, one("web.1", "x"), gone))

    assert cube("logs", "web").err.splitlines() == [
        "cube: web.1 on w1: lines are lost",
        "cube: web.1 on w1: lines are lost",
        "cube: lines are missing in 2 places",
    ]


@pytest.mark.usefixtures("web")
def test_logs_as_json_are_the_records_of_the_api(manager: FakeManager, cube: Cube) -> None:
    said = (one("web.1", "\x1b"), LogRecord(name="web.3", node="w3", warning="away"))
    manager.answer("GET", "/task/t-web/logs", records(*said))

    _, out, err = cube("logs", "web", "-o", "json")

    assert [msgspec.json.decode(line, type=LogRecord) for line in out.splitlines()] == list(said)
    assert err == ""


@pytest.mark.usefixtures("web")
def test_a_line_that_came_in_parts_is_whole_again(manager: FakeManager, cube: Cube) -> None:
    manager.answer(
        "GET",
        "/task/t-web/logs",
        records(
            one("web.1", "a", partial=True), one("web.1", "b", partial=True), one("web.1", "c"),
            one("web.1", "d", partial=True), one("web.2", "e"), one("web.1", "f"),
        ),
    )  # fmt: skip

    out = cube("logs", "web").out

    assert out == "web.1  | abc\nweb.1  | d\nweb.2  | e\nweb.1  | f\n"


def test_a_followed_log_ends_with_how_the_task_ended(manager: FakeManager, cube: Cube) -> None:
    ended = [
        allocation(slot, "failed", reason="exit 3", container_id=f"c{slot}")
        for slot in range(1, 13)
    ]
    ended[11] = allocation(12, "completed", container_id="c12")
    manager.tasks = [task(*ended, state=TaskState.FAILED, reason="web.1: exit 3")]
    manager.answer("GET", "/task/t-web/logs", records(one("web.1", "last words")))

    code, out, err = cube("logs", "-f", "web")

    assert (code, out) == (0, "web.1  | last words\n")
    told = err.splitlines()
    assert told[0] == "cube: web.1 on w1: failed, exit 3"
    assert told[-2:] == [
        "cube: and 2 more",
        "cube: task web has ended: 11 failed (exit 3) and 1 completed",
    ]
    assert len(told) == 12


def test_a_task_that_goes_away_while_it_is_followed(manager: FakeManager, cube: Cube) -> None:
    manager.tasks = [task(allocation(container_id="c1"))]
    seen = json(manager.tasks[0])
    manager.answer("GET", "/task/web", seen)
    manager.tasks = []
    manager.answer("GET", "/task/t-web/logs", records())

    assert cube("logs", "-f", "web") == (0, "", "cube: the task was removed\n")


def test_of_a_task_that_has_not_run_yet_the_reason_is_told(
    manager: FakeManager, cube: Cube
) -> None:
    manager.tasks = [task(reason="no node fits")]
    manager.answer("GET", "/task/t-web/logs", records())

    said = "cube: task web has written nothing yet: no node fits; `cube logs -f web` waits\n"
    assert cube("logs", "web") == (0, "", said)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("-f", "--until", "5m"), "--until: has an end, and --follow has none"),
        (("-n", "few"), "--tail: 'few' is neither a number nor `all`"),
        (("--since", "yesterday"), "--since: "),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    manager: FakeManager, cube: Cube, flags: tuple[str, ...], words: str
) -> None:
    manager.tasks = [task(allocation())]
    code, out, err = cube("logs", "web", *flags)

    assert (code, out) == (2, "")
    assert words in err


def test_moments_are_lengths_of_time_before_now_or_times() -> None:
    assert moment_option("--since", "", 100.0) is None
    assert moment_option("--since", "90s", 100.0) == 10_000_000_000
    assert moment_option("--since", "1h", 100.0) == 0
    assert moment_option("--since", "7", 100.0) == 7_000_000_000
    assert moment_option("--since", "1970-01-01T00:00:07.000001Z", 100.0) == 7_000_001_000


def test_what_could_steer_a_terminal_is_taken_out_there() -> None:
    write = line_writer(prefix=True, timestamps=False, colour=True, safe=True, width=6)

    assert write(one("web.2", "red \x1b[31m\r\x07")) == "\x1b[33mweb.2  |\x1b[0m red  [31m  \n"


def test_events_are_listed_oldest_first(manager: FakeManager, cube: Cube) -> None:
    manager.events = [event(1, EventKind.TASK_CREATED), event(2, slot=1, node="w1", message="m")]

    lines = cube("events").out.splitlines()

    assert [line.split()[2:] for line in lines[1:]] == [
        ["task.created", "web"],
        ["task.changed", "web.1", "on", "w1", "m"],
    ]


def test_followed_events_go_on_behind_those_listed(
    manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.events = [event(1, EventKind.TASK_CREATED)]
    later = threading.Timer(0.1, manager.publish, [event(2, message="live")])
    later.start()

    def stop_after(printed: Any, format: Any) -> None:
        seen.append(printed.revision)
        if printed.revision == 2:
            raise KeyboardInterrupt

    seen: list[int] = []
    monkeypatch.setattr("cube.cli.events._print", stop_after)

    assert cube("events", "-f").code == 130
    assert seen == [1, 2]
