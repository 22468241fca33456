"""`cube rebalance`: the plan as a table, and codes for scripts."""

from __future__ import annotations

from cube.wire.placement_views import MoveView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json

MOVE = MoveView(
    name="web.2",
    task_id="t-1",
    slot=2,
    origin="w1",
    target="w3",
    code="replicas",
    gain=1.0,
    reason="w1 has 1 other replica of web, w3 0",
)


def test_a_plan_is_a_table_and_says_by_its_code_that_there_is_something(
    manager: FakeManager, cube: Cube
) -> None:
    manager.answer("POST", "/rebalance", json([MOVE]))
    code, out, err = cube("rebalance", "--plan")
    assert (code, err) == (1, "")
    assert [line.split(maxsplit=4) for line in out.splitlines()] == [
        ["SLOT", "FROM", "TO", "GAIN", "REASON"],
        ["web.2", "w1", "w3", "1", "w1 has 1 other replica of web, w3 0"],
    ]
    assert manager.requests("POST", "/rebalance")[0].query == {"dry_run": "1"}


def test_nothing_to_move_is_done(manager: FakeManager, cube: Cube) -> None:
    manager.answer("POST", "/rebalance", json([]))
    assert cube("rebalance", "--plan") == (
        0,
        "",
        "nothing to move: every replica is where it would be placed today\n",
    )


def test_moves_are_made_within_the_bound(manager: FakeManager, cube: Cube) -> None:
    manager.answer("POST", "/rebalance", json([MOVE]))
    result = cube("rebalance", "--apply", "--max-moves", "3", "--include-single")
    assert result.code == 0
    assert result.err == "1 move, one after the other; watch with `cube status -w`\n"
    asked = manager.requests("POST", "/rebalance")[0].query
    assert asked == {"max_moves": "3", "include_single": "1"}


def test_one_of_plan_and_apply_is_said(cube: Cube) -> None:
    for flags in ((), ("--plan", "--apply")):
        result = cube("rebalance", *flags)
        assert result.code == 2
        assert "say either --plan, to see the moves, or --apply" in result.err
