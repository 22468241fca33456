"""The guard: whatever fails inside comes out as a named fact, and a cancellation as itself."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
import msgspec
import pytest
from aiodocker.exceptions import DockerError

from cube.model.allocation import FailureKind
from cube.runtime.contract import RuntimeFailure
from cube.runtime.failures import Asked, Refused, Verb
from cube.runtime.guard import CANNOT_CONNECT, guarded

ASKED = Asked(Verb.CREATE, "nginx")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DockerError(CANNOT_CONNECT, "no"), FailureKind.ENGINE_AWAY),
        (DockerError(404, "No such image: nginx"), FailureKind.IMAGE_MISSING),
        (aiohttp.ClientPayloadError("cut"), FailureKind.ENGINE_AWAY),
        (ConnectionResetError(errno.ECONNRESET, "reset"), FailureKind.ENGINE_AWAY),
        (TimeoutError(), FailureKind.ENGINE_SLOW),
        (ValueError("not JSON"), FailureKind.ENGINE_ERROR),
        (msgspec.DecodeError("not as expected"), FailureKind.ENGINE_ERROR),
    ],
)
async def test_a_foreign_error_does_not_pass(error: Exception, kind: FailureKind) -> None:
    with pytest.raises(RuntimeFailure) as raised:
        async with guarded(ASKED, "unix:///e.sock", 1):
            raise error

    assert raised.value.kind is kind
    assert raised.value.__cause__ is error


async def test_an_answer_of_the_engine_keeps_its_status() -> None:
    with pytest.raises(Refused) as raised:
        async with guarded(ASKED, "unix:///e.sock", 1):
            raise DockerError(409, "Conflict")

    assert raised.value.status == 409


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(RuntimeFailure, match="did not finish in 0.01 s: create nginx") as raised:
        async with guarded(ASKED, "unix:///e.sock", 0.01):
            await asyncio.Event().wait()

    assert raised.value.kind is FailureKind.ENGINE_SLOW


async def test_a_cancellation_passes() -> None:
    async def work() -> None:
        async with guarded(ASKED, "unix:///e.sock", 10):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
