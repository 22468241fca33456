"""What containers wrote, and what happened."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from cube.model.event import EventKind
from cube.wire.views import LogRecord
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager
from tests.cli.views import event


def records(*lines: LogRecord) -> Answer:
    return Answer(body=b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + b"\n")


def test_logs_of_all_slots_are_merged_with_their_names(manager: FakeManager, cube: Cube) -> None:
    manager.answer(
        "GET",
        "/task/web/logs",
        records(
            LogRecord(name="web.1", node="w1", at_ns=1, text="one"),
            LogRecord(name="web.3", node="w3", warning="node w3 is not connected"),
            LogRecord(name="web.2", node="w2", at_ns=2, text="two \x1b[1mbold\x1b[0m"),
        ),
    )

    code, out, err = cube("logs", "web", "-n", "10")

    assert code == 0
    assert out == "web.1 | one\nweb.2 | two \x1b[1mbold\x1b[0m\n", "a pipe gets what was written"
    assert err == "cube: web.3 on w3: node w3 is not connected\n"
    assert manager.requests("GET", "/task/web/logs")[0].query["tail"] == "10"


def test_logs_with_times_and_without_names(manager: FakeManager, cube: Cube) -> None:
    at = 1_767_225_600_123_456_789
    manager.answer(
        "GET", "/task/web/logs", records(LogRecord(name="web.1", node="w1", at_ns=at, text="x"))
    )

    result = cube("logs", "web", "-t", "--no-prefix", "--since", "2026-01-01T00:00:00Z")

    assert result.out == "2026-01-01T00:00:00.123456Z x\n"
    asked = manager.requests("GET", "/task/web/logs")[0].query
    assert asked["since_ns"] == "1767225600000000000"


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
