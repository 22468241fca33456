"""Reading requests: bodies within bounds and in time, queries in which nothing goes unread."""

from __future__ import annotations

import asyncio

import pytest

from cube.errors import InvalidInput, TooLarge
from cube.manager.intake import MAX_INTEGER, Query, read_body
from cube.manager.replies import HttpRefusal
from tests.manager.requests import a_body, a_request

DEADLINE = 5.0


async def test_a_body_that_is_there_is_read_whole() -> None:
    request = a_request(body=a_body(b"ab", b"cd"))
    assert await read_body(request, limit=4, seconds=DEADLINE) == b"abcd"


async def test_a_body_that_comes_in_pieces_is_read_to_its_end() -> None:
    body = a_body(b"ab", complete=False)
    reading = asyncio.create_task(read_body(a_request(body=body), limit=4, seconds=DEADLINE))
    await asyncio.sleep(0)
    body.feed_data(b"cd")
    body.feed_eof()
    assert await reading == b"abcd"


@pytest.mark.parametrize("complete", [True, False])
async def test_a_body_beyond_the_limit_is_refused_without_waiting_for_its_end(
    complete: bool,
) -> None:
    request = a_request(body=a_body(b"abc", b"de", complete=complete))
    with pytest.raises(TooLarge, match="longer than 4 bytes"):
        await read_body(request, limit=4, seconds=DEADLINE)


async def test_a_body_announced_as_too_long_is_refused_unread() -> None:
    body = a_body(complete=False)
    request = a_request(headers={"Content-Length": "5"}, body=body)
    with pytest.raises(TooLarge):
        await read_body(request, limit=4, seconds=DEADLINE)


async def test_a_body_that_does_not_come_in_time_is_refused() -> None:
    request = a_request(body=a_body(b"ab", complete=False))
    with pytest.raises(HttpRefusal, match="did not come within 0 s") as caught:
        await read_body(request, limit=4, seconds=0)
    assert caught.value.status == 408


@pytest.mark.parametrize(("encoding", "read"), [("identity", True), ("gzip", False)])
async def test_only_a_body_as_it_is_gets_read(encoding: str, read: bool) -> None:
    request = a_request(headers={"Content-Encoding": encoding}, body=a_body(b"ab"))
    if read:
        assert await read_body(request, limit=4, seconds=DEADLINE) == b"ab"
    else:
        with pytest.raises(HttpRefusal, match="compressed"):
            await read_body(request, limit=4, seconds=DEADLINE)


def query(text: str) -> Query:
    return Query(a_request(f"/task?{text}"))


def objection(caught: pytest.ExceptionInfo[InvalidInput]) -> tuple[str, str]:
    [one] = caught.value.objections
    return one.path, one.message


def test_a_parameter_that_is_missing_or_empty_is_none() -> None:
    asked = query("empty=")
    for name in ("missing", "empty"):
        assert asked.text(name) is None
        assert asked.integer(name) is None
        assert asked.reference(name) is None


def test_parameters_are_read_as_what_they_are() -> None:
    asked = query("name=a%20b&node=w-1&limit=007")
    assert asked.text("name") == "a b"
    assert asked.reference("node") == "w-1"
    assert asked.integer("limit") == 7
    asked.end()


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        query("limit=1&limit=2").integer("limit")
    assert objection(caught) == ("?limit", "is given more than once")


@pytest.mark.parametrize("text", ["-1", "+1", "1.0", "x", "%201", "١", "11", "9" * 30])
def test_what_is_no_number_within_bounds_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        query(f"limit={text}").integer("limit", most=10)
    assert objection(caught) == ("?limit", "must be a whole number from 0 to 10")


def test_the_greatest_number_is_that_of_the_ledger() -> None:
    assert query(f"after={MAX_INTEGER}").integer("after") == MAX_INTEGER
    with pytest.raises(InvalidInput):
        query(f"after={MAX_INTEGER + 1}").integer("after")


def test_what_may_be_neither_name_nor_id_is_refused() -> None:
    with pytest.raises(InvalidInput):
        query("node=..%2Fetc").reference("node")


@pytest.mark.parametrize(
    ("text", "default", "meant"),
    [
        ("", False, False),
        ("", True, True),
        ("follow", False, True),
        ("follow=", False, True),
        ("follow=1", False, True),
        ("follow=yes", False, True),
        ("follow=false", True, False),
        ("follow=0", True, False),
    ],
)
def test_naming_a_flag_means_yes(text: str, default: bool, meant: bool) -> None:
    assert query(text).flag("follow", default=default) is meant


def test_a_flag_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        query("follow=perhaps").flag("follow")
    assert objection(caught) == ("?follow", "must be true or false")


def test_a_misspelt_parameter_is_named_with_those_that_are_known() -> None:
    asked = query("limti=1&node=w1")
    asked.integer("limit")
    asked.reference("node")
    with pytest.raises(InvalidInput) as caught:
        asked.end()
    assert objection(caught) == ("?limti", "is not known; known are limit, node")


def test_no_more_than_ten_unknown_parameters_are_named_each_cut_short() -> None:
    text = "&".join(f"{'x' * 100}{number}=1" for number in range(30))
    with pytest.raises(InvalidInput) as caught:
        query(text).end()
    assert {len(one.path) for one in caught.value.objections} == {len("?") + 60}
    assert len(caught.value.objections) == 10
