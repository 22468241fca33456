"""Many tasks that go on a few at a time."""

from __future__ import annotations

import asyncio

import pytest

from cube.aio.turns import Turns


async def passes(turns: Turns, notes: list[str], name: str) -> None:
    await turns.mine()
    notes.append(name)


async def done(notes: list[str], count: int) -> None:
    async with asyncio.timeout(5):
        while len(notes) < count:
            await asyncio.sleep(0)


async def test_who_comes_alone_does_not_wait() -> None:
    notes: list[str] = []
    with pytest.raises(StopIteration):  # it has come to its end without waiting for anything
        passes(Turns(1), notes, "a").send(None)
    assert notes == ["a"]


async def test_many_pass_in_their_order_and_others_between_them() -> None:
    turns, notes = Turns(2), list[str]()
    loop = asyncio.get_running_loop()

    def other(left: int = 3) -> None:
        notes.append("other")
        if left:
            loop.call_soon(other, left - 1)

    async with asyncio.TaskGroup() as group:
        for name in "abcdef":
            group.create_task(passes(turns, notes, name))
        loop.call_soon(other)
    await done(notes, 10)

    assert [one for one in notes if one != "other"] == list("abcdef")
    runs = "".join("." if one == "other" else one for one in notes).split(".")
    assert max(map(len, runs)) == 2


async def test_one_that_is_cancelled_holds_up_nobody() -> None:
    turns, notes = Turns(1), list[str]()
    tasks = [asyncio.create_task(passes(turns, notes, name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await done(notes, 2)
    assert notes == ["a", "c"]
