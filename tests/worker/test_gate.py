"""The gate lets a few through, the urgent first, and loses no place to a cancellation."""

from __future__ import annotations

import asyncio

from cube.worker.gate import Gate


async def test_the_urgent_overtake_those_who_wait() -> None:
    gate, passed = Gate(1), []

    async def go(name: str, *, urgent: bool) -> None:
        async with gate.passed(urgent=urgent):
            passed.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name, urgent in [("a", False), ("b", False), ("c", False), ("d", True)]:
            group.create_task(go(name, urgent=urgent))
    assert passed == ["a", "d", "b", "c"]


async def test_a_place_given_to_a_cancelled_one_goes_to_the_next() -> None:
    gate = Gate(1)
    entered = asyncio.Event()

    async def go() -> None:
        async with gate.passed(urgent=False):
            entered.set()

    async with gate.passed(urgent=False):
        waiting = asyncio.create_task(go())
        await asyncio.sleep(0)
    waiting.cancel()  # its place was given a moment ago, and it has not woken up yet
    await asyncio.gather(waiting, return_exceptions=True)
    assert not entered.is_set()
    async with asyncio.timeout(1):
        await go()
    assert entered.is_set()
