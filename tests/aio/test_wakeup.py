"""Many reasons to wake, one waking; none is lost."""

from __future__ import annotations

import asyncio

import pytest

from cube.aio.wakeup import Wakeup

DEADLINE = 5.0


async def test_a_setting_wakes_the_waiter() -> None:
    wakeup = Wakeup()
    waiting = asyncio.create_task(wakeup.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    wakeup.set()
    async with asyncio.timeout(DEADLINE):
        assert await waiting


async def test_settings_before_the_wait_are_one_waking() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    assert await wakeup.wait(0)
    assert not await wakeup.wait(0)


async def test_a_setting_that_comes_when_the_time_is_over_wakes_the_next_wait() -> None:
    wakeup = Wakeup()
    assert not await wakeup.wait(0)
    wakeup.set()
    assert await wakeup.wait(0)


async def test_a_waiter_cancelled_as_it_wakes_loses_no_setting() -> None:
    wakeup = Wakeup()
    waiting = asyncio.create_task(wakeup.wait())
    await asyncio.sleep(0)
    wakeup.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await wakeup.wait(0)
