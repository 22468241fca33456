"""Much work done a little at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cube.aio import share
from cube.aio.share import Share


async def done(notes: list[str], count: int) -> None:
    async with asyncio.timeout(5):
        while len(notes) < count:
            await asyncio.sleep(0)


async def test_pieces_are_done_in_their_order() -> None:
    notes: list[str] = []
    work = Share()
    for name in "abc":
        work.do(lambda name=name: notes.append(name))  # type: ignore[misc]
    assert notes == []
    await done(notes, 3)
    work.do(lambda: notes.append("d"))
    await done(notes, 4)
    assert notes == ["a", "b", "c", "d"]


async def test_others_have_their_turn_before_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "AT_ONCE", 0.0)
    notes: list[str] = []
    work = Share()
    work.do(lambda: notes.append("first"))
    work.do(lambda: notes.append("second"))
    asyncio.get_running_loop().call_soon(notes.append, "another")
    await done(notes, 3)
    assert notes == ["first", "another", "second"]


async def test_a_piece_that_fails_keeps_nobody_from_theirs() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    notes: list[str] = []
    work = Share()
    work.do(lambda: notes.remove("nothing"))
    work.do(lambda: notes.append("second"))
    await done(notes, 1)
    assert isinstance(told[0]["exception"], ValueError)
