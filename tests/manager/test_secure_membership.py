"""What a manager that others reach still knows after a restart, and a rotation that goes on over one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cube.core.rotation import Stage
from cube.errors import NotAllowed
from cube.model.ids import NodeId
from cube.security.authority import Authority
from cube.wire.routes import SESSION
from tests.manager.conftest import until
from tests.manager.reached import reached_manager

A, B = NodeId("node-a"), NodeId("node-b")


async def test_a_restart_forgets_no_use_of_a_token_and_no_revocation(tmp_path: Path) -> None:
    async with reached_manager(tmp_path) as before:
        token = await before.token()
        await before.join(A, token)
        status, _, _ = await before.api.ask("POST", f"/node/{A}/revoke")
        assert status == 204
    async with reached_manager(tmp_path) as after:
        status, _ = await after.ask("GET", SESSION, after.credentials(A).context())
        assert status == 401
        with pytest.raises(NotAllowed, match="the join token is used up"):
            await after.join(B, token)


async def test_a_rotation_waits_after_a_restart_for_whom_it_waited_for(tmp_path: Path) -> None:
    async with reached_manager(tmp_path) as before:
        await before.join(A)
        await before.secure.rotation.begin()
        await until(lambda: _is([A], before.secure.rotation.missing()))
    async with reached_manager(tmp_path) as after:
        assert after.secure.rotation.stage is Stage.ANNOUNCING
        assert after.secure.rotation.missing() == [A]


async def test_a_rotation_that_nobody_is_missing_in_goes_on_with_the_start(tmp_path: Path) -> None:
    async with reached_manager(tmp_path) as before:
        cluster = (await before.api.get("/version"))["cluster_id"]
    now_ms = round(time.time() * 1000)
    Authority(tmp_path / "manager" / "ca", cluster, now_ms).begin_rotation(now_ms)
    async with reached_manager(tmp_path) as after:
        await until(lambda: _is(Stage.QUIET, after.secure.rotation.stage))
        assert (await after.ask("GET", "/healthz", after.stranger()))[0] == 200


async def test_the_managers_certificate_may_be_renewed_by_several_at_once(tmp_path: Path) -> None:
    async with reached_manager(tmp_path) as one:
        await asyncio.gather(*(one.secure.show_certificate() for _ in range(20)))
        assert (await one.ask("GET", "/healthz", one.stranger()))[0] == 200


async def _is(expected: object, seen: object) -> bool:
    return seen == expected
