"""Pages that stay right while things come and go, and filters that mean the same everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from cube.errors import InvalidInput
from cube.manager.intake import Query
from cube.manager.paging import NEXT_CURSOR, cursor, labelled, named, page
from tests.manager.conftest import Api
from tests.manager.requests import a_request


def a_query(text: str) -> Query:
    return Query(a_request(f"/task?{text}"))


async def pages(api: Api, path: str, limit: int) -> list[list[str]]:
    """The names on each page."""
    found: list[list[str]] = []
    more: str | None = ""
    while more is not None:
        _, body, answer = await api.ask("GET", path, params={"limit": limit, "cursor": more})
        found.append([one["name"] for one in body])
        more = answer.headers.get(NEXT_CURSOR)
    return found


def test_a_page_is_cut_in_order_and_leads_to_the_next() -> None:
    items = ["c", "a", "d", "b"]
    first, more = page(items, 2, None, lambda item: (item, item))
    assert (first, more) == (["a", "b"], {NEXT_CURSOR: "b.b"})
    rest, none = page(items, 2, ("b", "b"), lambda item: (item, item))
    assert (rest, none) == (["c", "d"], {})


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", {"web"}),
        ("web*", {"web", "web-1", "web-api"}),
        ("*api", {"web-api", "api"}),
        ("*-*", {"web-1", "web-api"}),
        ("w*b-*i", {"web-api"}),
        ("web*web", set()),
        ("*", {"web", "web-1", "web-api", "api"}),
        ("[w]eb", set()),
    ],
)
async def test_a_star_stands_for_any_characters(pattern: str, names: set[str]) -> None:
    fits = named(a_query(f"name={pattern}"))
    assert {name for name in ("web", "web-1", "web-api", "api") if fits(name)} == names


@pytest.mark.parametrize(
    ("given", "fits"),
    [("", True), ("tier", True), ("tier=a", True), ("tier=b", False), ("x", False)],
)
async def test_a_label_is_asked_for_with_and_without_its_value(given: str, fits: bool) -> None:
    assert labelled(a_query(f"label={given}"))({"tier": "a"}) is fits


@pytest.mark.parametrize("text", ["x", "1", "x.id", "-1.id"])
async def test_a_cursor_that_was_never_given_out_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="given out"):
        cursor(a_query(f"cursor={text}"), numbered=True)


async def test_nothing_is_missed_or_repeated_while_tasks_come_and_go(api: Api) -> None:
    for name in "abcd":
        await api.submit(name=name)
    _, first, answer = await api.ask("GET", "/task?limit=2")
    await api.ask("DELETE", "/task/b")
    await api.submit(name="e")
    params = {"cursor": answer.headers[NEXT_CURSOR], "limit": 9}
    _, rest, _ = await api.ask("GET", "/task", params=params)
    assert sorted(one["name"] for one in [*first, *rest]) == list("abcde")


async def test_nodes_come_in_pages_by_name(api: Api) -> None:
    async with api.worker("w.3") as three, api.worker("w1") as one, api.worker("w.2") as two:
        for worker in (three, one, two):
            await worker.welcome()
        assert await pages(api, "/node", 1) == [["w.2"], ["w.3"], ["w1"]]
        assert await pages(api, "/nodes", 5) == [["w.2", "w.3", "w1"]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=ready", ["w1", "w2"]),
        ("state=draining", ["w2"]),
        ("state=lost", []),
        ("name=w1", ["w1"]),
        ("label=disk=ssd", ["w2"]),
        ("label=disk&state=active", []),
    ],
)
async def test_nodes_are_left_out_by_the_same_words(api: Api, query: str, names: list[str]) -> None:
    from cube.model.node import Facts
    from tests.builders import CAPACITY

    facts: Any = Facts(name="w2", capacity=CAPACITY, labels={"disk": "ssd"})
    async with api.worker("w1") as one, api.worker("w2", facts=facts) as two:
        await one.welcome()
        await two.welcome()
        await api.ask("POST", "/node/w2/drain")
        assert [node["name"] for node in await api.get(f"/node?{query}")] == names


async def test_tasks_are_left_out_by_name(api: Api) -> None:
    for name in ("web-1", "web-2", "db"):
        await api.submit(name=name)
    assert [task["name"] for task in await api.get("/task?name=web-*")] == ["web-1", "web-2"]


async def test_events_come_in_pages_by_revision_and_kind(api: Api) -> None:
    for name in "abc":
        await api.submit(name=name)
    _, first, answer = await api.ask("GET", "/event?after=0&limit=2")
    more = answer.headers[NEXT_CURSOR]
    assert more == str(first[-1]["revision"])
    rest = await api.get(f"/event?cursor={more}")
    assert [*first, *rest] == await api.get("/event?after=0")
    created = await api.get("/event?kind=task.created")
    assert [event["task"] for event in created] == list("abc")
    assert len(await api.get("/task/b/events?kind=task.created")) == 1


@pytest.mark.parametrize("path", ["/task?state=up", "/node?state=up", "/event?kind=up"])
async def test_a_word_that_is_none_of_a_few_is_refused_with_them(api: Api, path: str) -> None:
    status, problem, _ = await api.ask("GET", path)
    assert status == 400
    assert "must be one of" in problem["errors"][0]["message"]
