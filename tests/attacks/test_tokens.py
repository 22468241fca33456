"""A13 and A16: guessing tokens, and what a token opened once it is taken back."""

from __future__ import annotations

import asyncio
from hmac import compare_digest

import pytest
from msgspec.structs import replace

from cube.model.role import Role
from cube.security import tokens
from cube.settings import ManagerSettings
from tests.attacks.conftest import Target, under_attack


async def test_a13_after_ten_wrong_tokens_an_address_waits(target: Target) -> None:
    answers = [(await target.ask("GET", "/task", token=tokens.mint().text()))[2] for _ in range(12)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_a13_a_right_token_is_let_in_all_the_same(target: Target) -> None:
    right = await target.token(Role.VIEWER)
    for _ in range(11):
        await target.ask("GET", "/task", token="wrong")
    assert (await target.ask("GET", "/task", token=right))[0] == 200


async def test_a13_a_wrong_token_is_refused_also_where_the_connection_is_known(
    known: Target,
) -> None:
    assert (await known.ask("GET", "/task", token="wrong"))[0] == 401


async def test_a13_a_right_id_with_another_secret_is_no_better_than_none(target: Target) -> None:
    right = tokens.parse(await target.token(Role.ADMIN))
    assert right is not None
    near = replace(right, secret=tokens.mint().secret)
    problems = [
        (await target.ask("GET", "/task", token=text))[1]
        for text in (near.text(), tokens.mint().text())
    ]
    assert [{**one, "request_id": ""} for one in problems[:1]] == [
        {**one, "request_id": ""} for one in problems[1:]
    ]


@pytest.mark.slow
async def test_a13_a_secret_is_compared_in_one_way_however_near_it_is(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time cannot be measured here; that all go the same way, by the comparison that takes the same time, can."""
    right = tokens.parse(await target.token(Role.ADMIN))
    assert right is not None
    compared: list[tuple[int, int]] = []

    def constant_time(shown: bytes, held: bytes) -> bool:
        compared.append((len(shown), len(held)))
        return compare_digest(shown, held)

    monkeypatch.setattr("cube.security.tokens.hmac.compare_digest", constant_time)
    last = "0" if right.secret[-1] != "0" else "1"
    first = "0" if right.secret[0] != "0" else "1"
    near = replace(right, secret=right.secret[:-1] + last)
    far = replace(right, secret=first + right.secret[1:])
    unknown = tokens.mint()
    for wrong in (near, far, unknown):
        assert (await target.ask("GET", "/task", token=wrong.text()))[0] == 401
    assert (await target.ask("GET", "/task", token=right.text()))[0] == 200
    assert compared == [(32, 32)] * 4


@pytest.mark.parametrize("name", ["token", "access_token", "x"])
async def test_a_token_in_an_address_is_refused_by_name(target: Target, name: str) -> None:
    token = await target.token(Role.VIEWER)
    status, problem, _ = await target.ask("GET", f"/task?{name}={token}")
    assert (status, problem["errors"][0]["path"]) == (400, f"?{name}")
    assert "Authorization" in problem["detail"] and token not in str(problem)


@pytest.mark.slow
async def test_a16_a_revoked_token_cuts_what_it_had_open_within_a_second(target: Target) -> None:
    token = await target.token(Role.VIEWER)
    headers = {"Authorization": f"Bearer {token}"}
    async with target.session.get(target.base + "/watch", headers=headers) as answer:
        await answer.content.readany()
        await target.as_root("DELETE", "/token/a-viewer")
        with pytest.raises(Exception, match=r".*") as caught:
            async with asyncio.timeout(1.0):
                while await answer.content.readany():
                    pass
                raise ConnectionResetError("it ended")
    assert not isinstance(caught.value, TimeoutError)
    assert (await target.ask("GET", "/task", token=token))[0] == 401


@pytest.mark.slow
async def test_a16_an_expired_token_cuts_what_it_had_open(target: Target) -> None:
    token = await target.token(Role.VIEWER, ttl_ms=1000)
    headers = {"Authorization": f"Bearer {token}"}
    async with target.session.get(target.base + "/watch", headers=headers) as answer:
        with pytest.raises(Exception, match=r".*") as caught:
            async with asyncio.timeout(3.0):
                while await answer.content.readany():
                    pass
                raise ConnectionResetError("it ended")
    assert not isinstance(caught.value, TimeoutError)


async def test_a_token_survives_a_restart_and_its_secret_is_nowhere_on_the_disk(
    settings: ManagerSettings,
) -> None:
    async with under_attack(settings) as before:
        token = await before.token(Role.VIEWER)
    secret = tokens.parse(token)
    assert secret is not None
    held = b"".join(path.read_bytes() for path in settings.data.rglob("*") if path.is_file())
    assert secret.secret.encode() not in held and bytes.fromhex(secret.secret) not in held
    async with under_attack(settings) as after:
        after.recognises = lambda transport: None
        assert (await after.ask("GET", "/task", token=token))[0] == 200


async def test_one_token_asks_so_often_and_no_more(settings: ManagerSettings) -> None:
    limits = replace(settings.limits, requests_at_once=5, requests_per_second=0.01)
    async with under_attack(replace(settings, limits=limits)) as target:
        token = await target.token(Role.VIEWER)
        target.recognises = lambda transport: None
        statuses = [(await target.ask("GET", "/task", token=token))[0] for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        assert (await target.as_root("GET", "/task"))[0] == 200
