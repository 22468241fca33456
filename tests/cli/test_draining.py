"""The verdict on a drain, from views and seconds alone; and `cube node drain` in a pipe, held to golden files."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cube.cli import draining
from cube.cli.draining import BLOCKED_SECONDS, Draining, what_helps
from cube.cli.exits import Exit
from cube.cli.follow import REMINDER_SECONDS
from cube.errors import Conflict
from cube.model.node import Availability
from cube.wire.views import DrainView, LeaverView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import Answer, FakeManager, json, refusal
from tests.cli.views import NOW, allocation, node

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "wait"


def left(name: str = "web.1", step: str = "queued", **changes: Any) -> LeaverView:
    fields: dict[str, Any] = {
        "name": name,
        "task_id": "t",
        "allocation_id": f"{name}.1",
        "step": step,
    }
    return LeaverView(**fields | changes)


def view(*leavers: LeaverView, **changes: Any) -> DrainView:
    fields: dict[str, Any] = {
        "node_id": "n-1",
        "node": "w1",
        "availability": Availability.DRAINING,
        "began_at": NOW,
        "left": leavers,
    }
    return DrainView(**fields | changes)


BLOCKED = left(
    "db.1",
    "blocked",
    reason="its data is here, in data",
    hint="it can only be stopped until w1 is open again: cube node drain w1 --force",
)
RELIEVED = left(step="relieved", relief=allocation(phase="creating", node="w2"))


def test_an_empty_node_is_drained() -> None:
    follower = Draining(0.0)
    assert follower.see(view(), 0.0) == []
    assert follower.verdict == (
        Exit.DONE,
        "node w1 is drained: nothing that runs is left on it",
        "",
    )


def test_each_step_of_a_replica_is_told_once() -> None:
    follower = Draining(0.0)
    lines = follower.see(view(left(reason="waits for its turn")), 0.0)
    lines += follower.see(view(RELIEVED), 1.0)
    lines += follower.see(view(RELIEVED), 2.0)
    lines += follower.see(view(), 3.0)
    assert lines == [
        "web.1: waits for its turn",
        "web.1: takes over on w2: creating",
        "web.1: runs on w2 now",
    ]


def test_what_cannot_leave_is_a_verdict_when_nothing_else_moves() -> None:
    follower = Draining(0.0)
    follower.see(view(BLOCKED, RELIEVED), 0.0)
    follower.tick(BLOCKED_SECONDS + 1)
    assert follower.verdict is None
    follower.see(view(BLOCKED), 10.0)
    follower.tick(10.0 + BLOCKED_SECONDS - 0.1)
    assert follower.verdict is None
    follower.tick(10.0 + BLOCKED_SECONDS)
    assert follower.verdict == (
        Exit.NOT_PLACED,
        "db.1 cannot leave w1: its data is here, in data",
        "",
    )


def test_those_that_were_not_looked_up_do_not_hold_the_verdict() -> None:
    follower = Draining(0.0)
    follower.see(view(left("a.1"), BLOCKED), 0.0)
    follower.tick(BLOCKED_SECONDS)
    assert follower.verdict is not None
    assert follower.verdict.message == "a.1 and db.1 cannot leave w1: its data is here, in data"


@pytest.mark.parametrize(
    ("follower", "seen"),
    [
        (Draining(0.0, wait_for_room=True), view(BLOCKED)),
        (Draining(0.0), view(BLOCKED, deadline_at=NOW + timedelta(minutes=10))),
    ],
    ids=["asked to wait", "a deadline ends it"],
)
def test_a_drain_that_will_end_is_waited_for(follower: Draining, seen: DrainView) -> None:
    follower.see(seen, 0.0)
    follower.tick(10 * BLOCKED_SECONDS)
    assert follower.verdict is None


def test_a_long_drain_is_told_to_go_on_and_ends_at_the_timeout() -> None:
    follower = Draining(0.0, timeout=60.0)
    follower.see(view(RELIEVED), 0.0)
    assert follower.tick(REMINDER_SECONDS) == ["w1: still draining after 30s: 1 replica left"]
    assert follower.tick(REMINDER_SECONDS + 1) == []
    follower.tick(60.0)
    assert follower.verdict == (Exit.TIMED_OUT, "node w1 is not drained after 1m: web.1 left", "")
    assert follower.tick(61.0) == []


def test_a_drain_that_someone_ends_is_a_conflict() -> None:
    follower = Draining(0.0)
    follower.see(view(left(), availability=Availability.ACTIVE), 0.0)
    assert follower.verdict is not None
    assert follower.verdict.exit is Exit.CONFLICT


def test_a_node_that_is_removed_is_told() -> None:
    follower = Draining(0.0)
    assert follower.see(None, 0.0) == []
    assert follower.verdict == (Exit.FAILED, "the node was removed", "")


def test_what_helps_is_said_once() -> None:
    assert len(what_helps(view(BLOCKED, BLOCKED))) == 3


# -- the command --------------------------------------------------------------------------------------------------


SITUATIONS = {
    "drained": (view(RELIEVED), view()),
    "blocked": (view(BLOCKED),),
    "opened_again": (view(left(), availability=Availability.ACTIVE),),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_is_told_as_in_the_golden_file(
    name: str, manager: FakeManager, cube: Cube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "BLOCKED_SECONDS", 0.05)
    views = SITUATIONS[name]
    manager.answer("POST", "/node/w1/drain", json(node()))
    manager.answer("GET", "/node/w1/drain", *map(json, views))

    code, out, err = cube("node", "drain", "w1")

    shown = f"exit {code}\n-- stdout\n{out}-- stderr\n{err}"
    golden = GOLDEN / f"drain_{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(shown)
    assert shown == golden.read_text()


@pytest.mark.parametrize(
    ("flags", "query"),
    [
        ((), {}),
        (("--deadline", "10m"), {"deadline_ms": "600000"}),
        (("--force",), {"deadline_ms": "0"}),
    ],
)
def test_a_deadline_goes_with_the_wish(
    manager: FakeManager, cube: Cube, flags: tuple[str, ...], query: dict[str, str]
) -> None:
    manager.answer("POST", "/node/w1/drain", json(node()))
    assert cube("node", "drain", "-d", "w1", *flags) == (0, "w1\n", "")
    assert manager.requests("POST", "/node/w1/drain")[0].query == query


def test_a_node_is_removed_by_force_only_when_asked(manager: FakeManager, cube: Cube) -> None:
    manager.answer(
        "DELETE", "/node/w1", refusal(Conflict("node w1 has the volumes of db.1")), Answer(204)
    )
    assert cube("node", "rm", "w1").code == 6
    assert cube("node", "rm", "--force", "w1") == (0, "w1\n", "")
    assert [one.query for one in manager.requests("DELETE", "/node/w1")] == [{}, {"force": "1"}]
