"""A22: what a container on a bridge reaches of the manager that runs it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from cube.settings import ManagerSettings
from tests.attacks.conftest import Target, under_attack

pytestmark = [pytest.mark.docker, pytest.mark.slow]
SECONDS = 60.0
ASK = "printf 'GET /task HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' | nc -w 3 {address} {port}; echo left with $?"


async def docker(*arguments: str) -> str:
    """Run docker and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(SECONDS):
        told, _ = await process.communicate()
    return told.decode()


async def asked_from_a_bridge(port: int) -> str:
    """Return what a container hears from that port of the machine that it runs on."""
    told = "{{(index .IPAM.Config 0).Gateway}}"
    gateway = (await docker("network", "inspect", "bridge", "--format", told)).strip()
    ask = ASK.format(address=gateway, port=port)
    return await docker("run", "--rm", "--network", "bridge", "busybox", "sh", "-c", ask)


async def test_a22_a_container_on_a_bridge_does_not_reach_the_managers_loopback(
    known: Target,
) -> None:
    assert "left with 1" in await asked_from_a_bridge(known.manager.port)
    assert (await known.ask("GET", "/task"))[0] == 200


async def test_a22_where_it_reaches_the_manager_it_hears_no_http_without_tls(
    settings: ManagerSettings,
) -> None:
    reached = replace(settings, host="0.0.0.0", advertise=("127.0.0.2",))
    async with under_attack(reached) as target:
        told = await asked_from_a_bridge(target.manager.port)
    assert "left with" in told
    assert "HTTP" not in told
