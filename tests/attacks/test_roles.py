"""A1 to A5: nobody gets in without credentials, and nobody does more than the role allows.

Made from the table of operations, so that a new one is attacked, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from cube.model.role import HUMAN, Role, may
from cube.security.hosts import is_loopback
from cube.settings import ManagerSettings
from cube.wire.operation import Operation
from cube.wire.operations import MANAGER
from tests.attacks.conftest import Target, under_attack

CLOSED = [one for one in MANAGER if one.role is not None]
OPEN = [one for one in MANAGER if one.role is None]
REFUSED = [
    (one, role)
    for one in CLOSED
    for role in sorted(HUMAN)
    if one.role is not None and not may(frozenset({role}), one.role)
]
NOBODY = 65534
OUTSIDE = "127.0.0.2"  # on all addresses but 127.0.0.1 it speaks TLS
ASK = """
import encodings.idna, os, sys, urllib.request, urllib.error
os.setresuid(*[int(sys.argv[2])] * 3)
try:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        print(answer.status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def named(operations: Iterable[Operation]) -> list[str]:
    return [one.id for one in operations]


def path_of(operation: Operation, ref: str = "web") -> str:
    path = operation.path.replace("{name}", "app.js")
    return path.replace("{ref}", ref).replace("{stream_id}", ref).replace("{tunnel_id}", ref)


def test_a1_by_default_only_loopback_is_listened_on() -> None:
    assert is_loopback(ManagerSettings().host)


async def answered(url: str, user: int) -> str:
    """The status that a program of this user gets."""
    program = (sys.executable, "-I", "-c", ASK, url, str(user))
    asked = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        told, _ = await asked.communicate()
    return told.decode().strip()


@pytest.mark.slow
async def test_a2_the_managers_own_user_is_let_in(known: Target) -> None:
    assert await answered(f"{known.base}/task", os.geteuid()) == "200"


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
async def test_a2_another_unix_user_is_nobody(known: Target) -> None:
    assert await answered(f"{known.base}/task", NOBODY) == "401"
    assert await answered(f"{known.base}/healthz", NOBODY) == "200"


@pytest.mark.parametrize("operation", CLOSED, ids=named(CLOSED))
async def test_a4_without_credentials_every_route_answers_401_whether_the_object_exists_or_not(
    target: Target, operation: Operation
) -> None:
    await target.as_root("POST", "/task", json={"name": "web", "image": "busybox"})
    bodies = []
    for ref in ("web", "nothing"):
        status, body, answer = await target.ask(operation.method, path_of(operation, ref))
        assert (status, body["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        bodies.append({**body, "request_id": ""})
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("operation", OPEN, ids=named(OPEN))
async def test_a4_what_is_open_is_open(target: Target, operation: Operation) -> None:
    status, body, _ = await target.ask(operation.method, path_of(operation))
    # Who would join is judged by the join token that it brings; on this machine alone nobody can.
    assert status == 200 or (status, body["code"]) == (409, "conflict")


async def test_a4_a_method_that_is_none_is_told_so(target: Target) -> None:
    assert (await target.ask("PATCH", "/task"))[0] == 405


@pytest.mark.slow
async def test_a5_no_role_does_what_is_anothers_and_it_is_on_record(target: Target) -> None:
    tokens = {role: await target.token(role) for role in HUMAN}
    await target.as_root("POST", "/task", json={"name": "web", "image": "busybox"})
    before = (await target.as_root("GET", "/stats"))[1]["revision"]
    for operation, role in REFUSED:
        told = await target.ask(operation.method, path_of(operation), token=tokens[role])
        assert (operation.id, role, told[0], told[1]["code"]) == (
            *(operation.id, role),
            *(403, "not_allowed"),
        )
    assert (await target.as_root("GET", "/stats"))[1]["revision"] == before
    assert {one.id for one, _ in REFUSED} >= {"createTask", "removeToken", "listAudit"}


@pytest.mark.slow
async def test_a5_a_denial_is_in_the_audit(target: Target) -> None:
    viewer = await target.token(Role.VIEWER)
    assert (await target.ask("DELETE", "/task/web", token=viewer))[0] == 403
    async with asyncio.timeout(5):
        while True:
            entries = (await target.as_root("GET", "/audit"))[1]
            if denied := [one for one in entries if one["outcome"] == 403]:
                break
            await asyncio.sleep(0.05)
    assert (denied[0]["action"], denied[0]["name"]) == ("stopTask", "a-viewer")


@pytest.mark.parametrize("role", sorted(HUMAN))
async def test_a5_every_role_may_look(target: Target, role: Role) -> None:
    assert (await target.ask("GET", "/task", token=await target.token(role)))[0] == 200


async def test_values_of_env_are_not_for_those_who_only_look(target: Target) -> None:
    spec = {"name": "web", "image": "busybox", "env": {"PASSWORD": "sesame"}}
    await target.as_root("POST", "/task", json=spec)
    for role, seen in ((Role.VIEWER, "***"), (Role.OPERATOR, "sesame"), (Role.SHELL, "sesame")):
        token = await target.token(role)
        one, many = [(await target.ask("GET", path, token=token))[1] for path in _SHOWN]
        assert one["spec"]["env"] == many[0]["spec"]["env"] == {"PASSWORD": seen}


async def test_the_live_view_hides_them_too(target: Target) -> None:
    spec = {"name": "web", "image": "busybox", "env": {"PASSWORD": "sesame"}}
    await target.as_root("POST", "/task", json=spec)
    headers = {"Authorization": f"Bearer {await target.token(Role.VIEWER)}"}
    async with target.session.get(target.base + "/watch", headers=headers) as answer:
        seen = b""
        while b"PASSWORD" not in seen:
            seen += await answer.content.readany()
    assert b'"PASSWORD":"***"' in seen and b"sesame" not in seen


_SHOWN = ("/task/web", "/task")


async def test_a_worker_may_not_be_a_token(target: Target) -> None:
    body = {"name": "w", "role": "worker"}
    status, problem, _ = await target.as_root("POST", "/token", json=body)
    assert (status, problem["errors"][0]["path"]) == (400, "role")


async def test_a3_it_does_not_speak_plain_http_with_others(settings: ManagerSettings) -> None:
    reached = replace(settings, host="0.0.0.0", advertise=(OUTSIDE,))
    async with under_attack(reached) as target:
        reader, writer = await asyncio.open_connection(OUTSIDE, target.manager.port)
        try:
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: {OUTSIDE}\r\n\r\n".encode())
            async with asyncio.timeout(5):
                told = await reader.read()
        except ConnectionResetError:
            told = b""
        finally:
            writer.close()
    assert b"HTTP" not in told
