"""Several things at once: the first to end ends all, and nothing is left running."""

from __future__ import annotations

import asyncio

import pytest

from cube.aio.race import race

DEADLINE = 5.0


class Runner:
    """Runs until it is let go, and notes how it ended; its farewell takes a turn of the loop."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = ""

    async def run(self) -> None:
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ended = "cancelled"
            raise
        self.ended = "by itself"


async def at_once() -> None:
    pass


async def in_failure() -> None:
    raise ConnectionResetError("gone")


async def test_the_first_to_end_ends_the_others_before_the_race_is_over() -> None:
    slow = Runner()
    async with asyncio.timeout(DEADLINE):
        await race(quick=at_once(), slow=slow.run())
    assert slow.ended == "cancelled"


async def test_what_the_first_raised_is_raised() -> None:
    slow = Runner()
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(ConnectionResetError, match="gone"):
            await race(slow=slow.run(), broken=in_failure())
    assert slow.ended == "cancelled"


async def test_a_failure_is_not_hidden_by_a_runner_that_ended_in_the_same_turn() -> None:
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(ConnectionResetError):
            await race(first=at_once(), second=in_failure(), third=at_once())


async def test_cancelling_the_race_cancels_all_and_waits_for_them() -> None:
    runners = [Runner(), Runner()]
    running = asyncio.create_task(race(one=runners[0].run(), other=runners[1].run()))
    async with asyncio.timeout(DEADLINE):
        for runner in runners:
            await runner.started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [runner.ended for runner in runners] == ["cancelled", "cancelled"]


async def test_the_runners_carry_their_names() -> None:
    names: list[str] = []

    async def note() -> None:
        task = asyncio.current_task()
        assert task
        names.append(task.get_name())

    await race(reader=note(), writer=note())
    assert sorted(names) == ["reader", "writer"]
