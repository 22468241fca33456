"""Several things at once, until the first of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def race(**runners: Coroutine[Any, Any, object]) -> None:
    """Run all; return when one ends, raising what it raised. The others are cancelled and have ended by then."""
    tasks = [asyncio.create_task(runner, name=name) for name, runner in runners.items()]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
