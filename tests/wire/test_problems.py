from __future__ import annotations

import pytest

from cube import errors
from cube.errors import CubeError, InvalidInput, Objection
from cube.runtime.contract import RuntimeFailure
from cube.wire.problems import error_of, problem_of
from cube.wire.views import Problem


def kinds_of(error: type[CubeError]) -> set[type[CubeError]]:
    return {error}.union(*(kinds_of(kind) for kind in error.__subclasses__()))


SIMPLE = sorted(
    (
        kind
        for kind in kinds_of(CubeError)
        if kind.__module__ == errors.__name__ and kind is not InvalidInput
    ),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", SIMPLE)
def test_every_error_comes_back_as_what_it_was(kind: type[CubeError]) -> None:
    back = error_of(problem_of(kind("task web: gone", hint="cube status")))

    assert type(back) is kind
    assert (str(back), back.hint, back.code) == ("task web: gone", "cube status", kind.code)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.CubeError, 500),
        (errors.Ambiguous, 400),
        (errors.Unauthenticated, 401),
        (errors.NotAllowed, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.TooLarge, 413),
        (errors.Overloaded, 503),
        (errors.LedgerFull, 507),
    ],
)
def test_each_error_has_its_status(kind: type[CubeError], status: int) -> None:
    assert problem_of(kind("x")).status == status


def test_the_objections_to_an_input_cross_the_wire() -> None:
    objections = (Objection("ports[0].host_port", "is 0"), Objection("", "is empty"))
    problem = problem_of(InvalidInput(objections, hint="cube plan"))

    assert problem == Problem(
        type="urn:cube:problem:invalid_input",
        title="The input is not valid",
        status=400,
        detail="ports[0].host_port: is 0; is empty",
        code="invalid_input",
        hint="cube plan",
        errors=objections,
    )
    back = error_of(problem)
    assert isinstance(back, InvalidInput)
    assert back.objections == objections


def test_an_invalid_input_without_objections_keeps_its_words() -> None:
    problem = Problem(type="", title="", status=400, detail="no", code="invalid_input")

    assert str(error_of(problem)) == "no"


def test_a_code_of_a_newer_manager_is_kept() -> None:
    problem = Problem(type="", title="", status=418, detail="short and stout", code="teapot")
    error = error_of(problem)

    assert type(error) is CubeError
    assert (error.code, str(error)) == ("teapot", "short and stout")


def test_an_error_of_another_package_is_told_without_being_known() -> None:
    assert not any(issubclass(kind, RuntimeFailure) for kind in SIMPLE)
    error = errors.CubeError("engine away")
    error.code = "runtime_failure"

    assert problem_of(error).status == 500
    assert problem_of(error).code == "runtime_failure"
