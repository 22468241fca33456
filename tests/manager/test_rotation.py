from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from cube.aio.clock import HandClock
from cube.core.rotation import Acknowledged, Stage
from cube.errors import Conflict, NotAllowed
from cube.manager.membership import Membership
from cube.manager.rotation import Rotation
from cube.manager.session import Session, Sessions
from cube.model.ids import NodeId
from cube.model.membership import Credential, JoinToken
from cube.security.authority import Authority, make_key, make_request
from cube.security.join import read_token
from cube.wire.membership import JoinRequest
from tests.manager.conftest import until

A = NodeId("node-a")


class Kept:
    """A ledger that keeps nothing."""

    async def membership(self) -> tuple[list[JoinToken], list[Credential]]:
        return [], []

    def commit_membership(
        self, tokens: object, credentials: object, audit: object = ()
    ) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Rotating:
    """A rotation without a listener, with one worker that has joined."""

    def __init__(self, data: Path) -> None:
        clock = HandClock()
        self.authority = Authority(data / "ca", "c", clock.now().wall_ms)
        self.sessions, self.reopened, self.key = Sessions(), 0, make_key()
        life = timedelta(days=30)
        self.denied: list[NodeId] = []
        self.membership = Membership(
            self.authority, "c", Kept(), clock, life, list, self.denied.append
        )
        self.rotation = Rotation(
            self.authority, self.membership, self.sessions, clock, self._reopen
        )

    async def _reopen(self) -> None:
        self.reopened += 1

    async def join(self) -> None:
        token = read_token((await self.membership.make_token(60, 1, None)).text())
        request = make_request(self.key)
        asked = JoinRequest(id=token.id, secret=token.secret, request=request, node_id=A)
        await self.membership.join(asked)

    async def reaches(self, stage: Stage) -> None:
        async def there() -> bool:
            return self.rotation.stage is stage

        await until(there)


async def test_each_step_waits_for_the_worker_and_is_shown_to_new_connections(
    tmp_path: Path,
) -> None:
    one = Rotating(tmp_path)
    await one.join()
    session = Session(A)
    one.sessions.enter(session)
    old = one.authority.signer.pin
    await one.rotation.begin()
    new = one.authority.newest.pin
    running = asyncio.create_task(one.rotation.run())
    try:
        assert one.rotation.missing() == [A]
        one.rotation.acknowledged(A, Acknowledged(frozenset({old, new}), old))
        await one.reaches(Stage.REISSUING)
        assert one.rotation.missing() == [A]
        one.rotation.acknowledged(A, Acknowledged(frozenset({old, new}), new))
        await one.reaches(Stage.QUIET)
    finally:
        running.cancel()
    assert one.authority.signer.pin == new
    assert one.membership.tokens == {}  # they named the root before
    assert one.reopened == 3


async def test_a_rotation_can_be_ended_without_those_that_are_away(tmp_path: Path) -> None:
    one = Rotating(tmp_path)
    await one.join()
    old = one.authority.signer.pin
    with pytest.raises(Conflict, match="no rotation is going on"):
        await one.rotation.finish()
    await one.rotation.begin()
    running = asyncio.create_task(one.rotation.run())
    try:
        await one.rotation.finish()
        await one.reaches(Stage.QUIET)
    finally:
        running.cancel()
    assert one.authority.signer.pin != old


async def test_who_is_connected_is_not_left_behind_when_a_rotation_is_ended(tmp_path: Path) -> None:
    one = Rotating(tmp_path)
    await one.join()
    session = Session(A)
    one.sessions.enter(session)
    await one.rotation.begin()
    new = one.authority.newest.pin
    running = asyncio.create_task(one.rotation.run())
    try:
        await one.rotation.finish()
        one.rotation.acknowledged(A, Acknowledged(frozenset({new}), ""))
        await one.reaches(Stage.REISSUING)
        assert one.rotation.missing() == [A]
        one.rotation.acknowledged(A, Acknowledged(frozenset({new}), new))
        await one.reaches(Stage.QUIET)
    finally:
        running.cancel()


async def test_a_certificate_is_renewed_for_the_same_key_only(tmp_path: Path) -> None:
    one = Rotating(tmp_path)
    await one.join()
    await one.membership.renew(A, make_request(one.key))
    with pytest.raises(NotAllowed, match="another key"):
        await one.membership.renew(A, make_request(make_key()))
    await one.membership.revoke(A)
    assert one.membership.denies(A, 1)
    assert not one.membership.denies(A, 2)
    assert one.denied == [A]
    assert one.rotation.missing() == []
