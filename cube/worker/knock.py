"""Asking on another connection whether the manager is there at all."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from cube.wire import routes

KNOCK_SECONDS = 1.0  # as long as TCP waits before it sends its first packet again


async def knock(http: aiohttp.ClientSession, session_url: str) -> bool:
    """Whether the manager of this session answers on a connection of its own. Takes a second when it does not."""
    door = URL(session_url).with_scheme("http").with_path(routes.HEALTHZ)
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            async with http.get(door, headers={"Connection": "close"}):
                return True
    except TimeoutError:
        return False
    except (aiohttp.ClientError, OSError):
        await asyncio.sleep(KNOCK_SECONDS)  # nobody there: the session will find out
        return False
