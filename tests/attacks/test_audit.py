"""A33 and what else the audit promises: each act once, with who did it, and no value in it."""

from __future__ import annotations

from typing import Any

from cube.model.role import Role
from tests.attacks.conftest import Target


async def entries(target: Target) -> list[dict[str, Any]]:
    status, body, _ = await target.as_root("GET", "/audit")
    assert status == 200
    found: list[dict[str, Any]] = body
    return found


async def test_a_change_is_on_record_with_who_made_it(target: Target) -> None:
    token = await target.token(Role.OPERATOR)
    spec = {"name": "web", "image": "busybox", "env": {"PASSWORD": "sesame"}}
    assert (await target.ask("POST", "/task", token=token, json=spec))[0] == 201
    made, created = await entries(target)
    assert (made["action"], made["principal"].split(":")[0]) == ("createToken", "unix")
    assert (created["name"], created["action"], created["object"]) == (
        *("a-operator", "createTask"),
        "web",
    )
    assert (created["outcome"], created["address"]) == (201, "127.0.0.1")
    assert created["revision"] > 0
    assert "sesame" not in str(created) and token not in str(made)


async def test_what_no_decision_records_is_on_record_too(target: Target) -> None:
    assert (await target.as_root("POST", "/recovery/end"))[0] == 204
    assert [one["action"] for one in await entries(target)] == ["endRecovery"]


async def test_what_changes_nothing_is_not_recorded(target: Target) -> None:
    spec = {"name": "web", "image": "busybox"}
    await target.as_root("POST", "/task?dry_run=1", json=spec)
    await target.as_root("GET", "/task")
    assert (await target.as_root("DELETE", "/task/nothing"))[0] == 404
    assert await entries(target) == []


async def test_a_change_that_is_repeated_under_its_key_is_recorded_once(target: Target) -> None:
    spec, headers = {"name": "web", "image": "busybox"}, {"Idempotency-Key": "one"}
    for _ in range(2):
        assert (await target.as_root("POST", "/task", json=spec, headers=headers))[0] == 201
    assert len(await entries(target)) == 1


async def test_the_chain_is_told_whole_and_pages_go_back(target: Target) -> None:
    for name in ("a", "b", "c"):
        await target.as_root("POST", "/task", json={"name": name, "image": "busybox"})
    found = (await target.as_root("GET", "/audit/check"))[1]
    assert (found["whole"], found["entries"], found["last"]) == (True, 3, 3)
    _, newest, answer = await target.as_root("GET", "/audit?limit=2")
    assert [one["object"] for one in newest] == ["b", "c"]
    cursor = answer.headers["X-Next-Cursor"]
    assert [
        one["object"] for one in (await target.as_root("GET", f"/audit?cursor={cursor}"))[1]
    ] == ["a"]
