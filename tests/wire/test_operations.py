"""The table of operations says one thing about each, and what it says hangs together."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from cube.model.role import Role
from cube.wire import routes
from cube.wire.operation import PROBLEM, Answer, Operation, Place
from cube.wire.operations import MANAGER, WORKER, aliased

READS = ("GET", "HEAD")


@pytest.mark.parametrize("table", [MANAGER, WORKER], ids=["manager", "worker"])
def test_every_operation_has_a_name_and_a_place_of_its_own(table: tuple[Operation, ...]) -> None:
    for named in ([one.id for one in table], [(one.method, one.path) for one in table]):
        assert [name for name, count in Counter(named).items() if count > 1] == []


@pytest.mark.parametrize("operation", [*MANAGER, *WORKER], ids=lambda one: f"{one.id}")
def test_its_parameters_are_those_of_its_path(operation: Operation) -> None:
    in_path = {one.name for one in operation.parameters if one.place is Place.PATH}
    if operation.role is not Role.WORKER and operation not in WORKER:
        assert in_path == set(re.findall(r"\{(\w+)\}", operation.path))
    names = [(one.place, one.name) for one in operation.parameters]
    assert len(set(names)) == len(names)


def test_reading_is_for_viewers_and_changing_is_not() -> None:
    low = (None, Role.VIEWER)
    changing = {one.id for one in MANAGER if one.method not in READS and one.role in low}
    assert changing == {"join"}  # which shows a token of its own
    above = {one.id for one in MANAGER if one.method in READS and one.role not in low}
    assert above == {
        *("listBackups", "openSession", "carryTunnel", "execInTask", "copyFiles"),
        *("listTokens", "listJoinTokens", "listAudit", "checkAudit", "listSecrets", "listAccounts"),
    }


def test_only_what_probes_and_strangers_need_is_open() -> None:
    assert {one.path for one in MANAGER if one.role is None} == {
        routes.HEALTHZ,
        routes.READYZ,
        routes.VERSION,
        routes.OPENAPI,
        routes.ROOTS,
        routes.JOIN,
        routes.PAGE,
        routes.ASSETS,
    }


def test_a_problem_is_among_what_anything_may_answer() -> None:
    plain = Operation(
        method="GET",
        path="/x",
        id="x",
        summary="",
        role=Role.VIEWER,
        answers=(Answer(200, "", str, "text/plain"), Answer(304, "")),
    )
    assert plain.media == {"text/plain", PROBLEM}


@pytest.mark.parametrize(
    ("path", "known_as"),
    [
        ("/tasks", "/task"),
        ("/tasks/{ref}/logs", "/task/{ref}/logs"),
        ("/nodes/x", "/node/x"),
        ("/task", "/task"),
        ("/tasksome", "/tasksome"),
        ("/event", "/event"),
    ],
)
def test_an_alias_is_known_by_the_short_path(path: str, known_as: str) -> None:
    assert aliased(path) == known_as
