"""The fuzzer itself: its requests come again, and it sees what it looks for."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.fuzz.caller import Heard
from tests.fuzz.campaign import objections
from tests.fuzz.draw import draw
from tests.fuzz.operations import described
from tests.fuzz.request import Due, Request
from tests.fuzz.target_process import Inside

CALM = Inside()
ASKED = Request(number=1, about="POST createTask", data=b"", due=Due.ANSWER)
READ = Request(number=2, about="GET listTasks", data=b"", due=Due.ANSWER, safe=True)
NONSENSE = Request(number=3, about="hidden request", data=b"", due=Due.ANYTHING)


def test_one_number_is_one_request() -> None:
    assert [draw(number) for number in range(300)] == [draw(number) for number in range(300)]
    assert len({draw(number).data for number in range(300)}) > 200


def test_every_operation_is_asked_for_and_some_of_its_bodies_are_json() -> None:
    drawn = [draw(number) for number in range(20_000)]
    asked = {request.about.partition(" ")[2] for request in drawn}
    assert {operation["operationId"] for _, _, operation in described()[0]} <= asked
    bodies = [one.data.partition(b"\r\n\r\n")[2] for one in drawn if one.about == "POST createTask"]
    assert any(_is_json(body) for body in bodies) and not all(_is_json(body) for body in bodies)


@pytest.mark.parametrize(
    ("request_", "heard", "inside", "word"),
    [
        (ASKED, Heard(statuses=[500]), CALM, "answered [500]"),
        (NONSENSE, Heard(statuses=[400, 503]), CALM, "answered [400, 503]"),
        (NONSENSE, Heard(hung=True), CALM, "no end in time"),
        (ASKED, Heard(), CALM, "without an answer"),
        (ASKED, Heard(statuses=[200]), Inside(errors=1, last_error="boom"), "boom"),
        (ASKED, Heard(statuses=[409]), Inside(stored=1), "stored 1 rows and refused"),
        (NONSENSE, Heard(), Inside(stored=1), "stored 1 rows and refused"),
        (READ, Heard(statuses=[200]), Inside(stored=2), "changes nothing"),
        (NONSENSE, Heard(statuses=[400, 201]), CALM, "read on behind"),
    ],
)
def test_a_promise_that_is_not_kept_is_seen(
    request_: Request, heard: Heard, inside: Inside, word: str
) -> None:
    found = list(objections(request_, heard, CALM, inside))
    assert any(word in what for what in found)


@pytest.mark.parametrize(
    ("request_", "heard", "inside"),
    [
        (ASKED, Heard(statuses=[201]), Inside(stored=3)),
        (ASKED, Heard(statuses=[404]), CALM),
        (READ, Heard(statuses=[200]), CALM),
        (NONSENSE, Heard(statuses=[404, 201]), Inside(stored=3)),
        (NONSENSE, Heard(), CALM),
        (NONSENSE, Heard(statuses=[101]), Inside(stored=3)),
    ],
)
def test_a_promise_that_is_kept_is_let_be(request_: Request, heard: Heard, inside: Inside) -> None:
    assert list(objections(request_, heard, CALM, msgspec.structs.replace(inside))) == []


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
