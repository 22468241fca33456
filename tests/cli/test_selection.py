"""Which tasks and nodes a listing shows."""

from __future__ import annotations

import msgspec
import pytest

from cube.cli.selection import (
    TASK_STATES,
    UNREADY,
    is_pattern,
    select_nodes,
    select_tasks,
    states_option,
    unmatched,
)
from cube.errors import InvalidInput
from cube.model.node import Condition
from cube.model.task import TaskState
from cube.wire.views import TaskDetail
from tests.cli.views import allocation, node, task


def labelled(name: str, **labels: str) -> TaskDetail:
    view = task(allocation(), name=name)
    return msgspec.structs.replace(view, spec=msgspec.structs.replace(view.spec, labels=labels))


TASKS = [
    labelled("web-a", tier="front", zone="eu"),
    labelled("web-b", tier="front"),
    task(name="db", state=TaskState.FAILED),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["web-a", "web-b", "db"]),
        ({"names": ["web-*"]}, ["web-a", "web-b"]),
        ({"names": ["web-a", "d?"]}, ["web-a", "db"]),
        ({"names": ["t-db"]}, ["db"]),
        ({"states": frozenset({"failed"})}, ["db"]),
        ({"states": frozenset({UNREADY})}, ["db"]),
        ({"labels": ["tier=front"]}, ["web-a", "web-b"]),
        ({"labels": ["tier=front", "zone"]}, ["web-a"]),
        ({"labels": ["zone=us"]}, []),
    ],
    ids=str,
)
def test_what_fits_is_shown(wanted: dict[str, list[str]], names: list[str]) -> None:
    assert [one.name for one in select_tasks(TASKS, **wanted)] == names  # type: ignore[arg-type]


def test_nodes_are_chosen_likewise() -> None:
    nodes = [node("eu-1", labels={"ssd": ""}), node("us-1", condition=Condition.LOST)]

    assert [one.name for one in select_nodes(nodes, names=["eu-*"])] == ["eu-1"]
    assert [one.name for one in select_nodes(nodes, states=frozenset({"lost"}))] == ["us-1"]
    assert [one.name for one in select_nodes(nodes, labels=["ssd"])] == ["eu-1"]


def test_a_name_that_stands_for_nothing_is_found_and_a_pattern_is_not() -> None:
    assert unmatched(["web-a", "nope", "no*"], TASKS) == ["nope"]
    assert is_pattern("web-*")
    assert not is_pattern("web-a")


def test_a_state_that_is_none_is_told_with_what_was_meant() -> None:
    assert states_option("--state", ["failed,Running"], TASK_STATES) == {"failed", "running"}
    with pytest.raises(InvalidInput, match="--state: 'faild' .*did you mean failed"):
        states_option("--state", ["faild"], TASK_STATES)
