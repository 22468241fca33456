"""Many reasons to wake, one waking."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Set by anyone, waited for by one loop; settings in between are one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._event.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until set or `seconds` are over; True when set. Clears it. Cancellation loses no setting."""
        if seconds is None or self._event.is_set():  # a timer costs more than all the rest
            await self._event.wait()
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._event.wait()
            except TimeoutError:
                return False
        self._event.clear()
        return True
