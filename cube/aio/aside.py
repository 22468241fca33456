"""Long computations beside the event loop: in a thread of their own, one at a time, a few more in the queue.

They share the interpreter with the loop, which gets its turn every few milliseconds, so they slow it down and do not
hold it. What they work on must be theirs alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cube.errors import Overloaded

Found = TypeVar("Found")


class Aside:
    """One thread. `close` it at the end."""

    def __init__(self, name: str, *, queue: int = 16, seconds: float = 30.0) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queue = queue
        self._seconds = seconds
        self._waiting = 0

    async def compute(self, work: Callable[[], Found]) -> Found:
        """Return what `work` returns. Overloaded when too many wait, or it took too long.

        Cancelling takes it out of the queue; once it has begun, it goes on to its end with nobody to hear of it.
        """
        if self._waiting > self._queue:
            raise Overloaded("too many explanations and plans are being made; try again in a while")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except TimeoutError:
            raise Overloaded(f"it was not done within {self._seconds:g} s; try again") from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Begin nothing more. What has begun is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)
