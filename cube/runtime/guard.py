"""The guard round every exchange with the engine: a time limit, and no foreign exception past it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiodocker.exceptions import DockerError

from cube.runtime.contract import RuntimeFailure
from cube.runtime.failures import PERMISSION_DENIED, Asked, Refused, away, engine_error, slow

CANNOT_CONNECT = 900  # aiodocker's status for an engine that could not be reached


@asynccontextmanager
async def guarded(asked: Asked, engine: str, seconds: float | None) -> AsyncIterator[None]:
    """Give the block `seconds`, and let out only RuntimeFailure."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RuntimeFailure(slow(asked, seconds or 0)) from error
    except DockerError as error:
        if error.status == CANNOT_CONNECT:
            raise RuntimeFailure(away(engine, _reason(error.__context__))) from error
        raise Refused(asked, error.status, error.message) from error
    except (aiohttp.ClientError, OSError) as error:
        raise RuntimeFailure(away(engine, _reason(error))) from error
    except ValueError as error:
        # Not JSON, or not the JSON that was expected; a proxy in between sends what it likes.
        raise RuntimeFailure(engine_error(asked, f"its answer is not readable: {error}")) from error


def _reason(error: BaseException | None) -> str:
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return _WORDS.get(number, errno.errorcode.get(number, f"error {number}"))
    return CLOSED if error is not None else ""


CLOSED = "it closed the connection"
_WORDS = {
    errno.ENOENT: "no such socket",
    errno.ECONNREFUSED: "connection refused",
    errno.EACCES: PERMISSION_DENIED,
    errno.EHOSTUNREACH: "no route to it",
    errno.ETIMEDOUT: "timed out",
    errno.ECONNRESET: CLOSED,
    errno.EPIPE: CLOSED,
}
