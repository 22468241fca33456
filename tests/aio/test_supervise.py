"""Tasks that are kept going, and ended together. The pauses between starts are counted, not waited for."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable

import pytest

from cube.aio import supervise
from cube.aio.supervise import Supervisor

DEADLINE = 5.0


class Pauses:
    """A backoff that takes no time and remembers what was asked of it."""

    def __init__(self, first: float, longest: float) -> None:
        self.asked: list[str] = []
        ALL_PAUSES.append(self)

    def next(self) -> float:
        self.asked.append("next")
        return 0.0

    def reset(self) -> None:
        self.asked.append("reset")


ALL_PAUSES: list[Pauses] = []


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Pauses]:
    ALL_PAUSES.clear()
    monkeypatch.setattr(supervise, "Backoff", Pauses)
    return ALL_PAUSES


class Loop:
    """Does something else each time it is started; after the last it runs for ever."""

    def __init__(self, *behaviours: Callable[[], Awaitable[None]]) -> None:
        self._behaviours = list(behaviours)
        self.starts = 0
        self.lasting = asyncio.Event()

    async def run(self) -> None:
        self.starts += 1
        if self._behaviours:
            await self._behaviours.pop(0)()
            return
        self.lasting.set()
        await asyncio.Event().wait()


async def returns() -> None:
    pass


async def fails() -> None:
    raise RuntimeError("out of luck")


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_work_that_fails_is_told_by_its_name_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        other = supervisor.spawn(for_ever(), "other")
        await supervisor.spawn(fails(), "pruning")
        assert not other.done()
    assert [record.getMessage() for record in caplog.records] == ["pruning failed"]
    assert "out of luck" in caplog.text


async def test_leaving_the_block_waits_for_farewells() -> None:
    farewells: list[str] = []
    started = asyncio.Event()

    async def polite() -> None:
        try:
            started.set()
            await for_ever()
        finally:
            await asyncio.sleep(0)
            farewells.append("bye")

    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        supervisor.spawn(polite(), "polite")
        await started.wait()
    assert farewells == ["bye"]


async def test_what_is_spawned_while_closing_is_ended_too() -> None:
    late: list[asyncio.Task[None]] = []
    started = asyncio.Event()

    async def fruitful() -> None:
        try:
            started.set()
            await for_ever()
        finally:
            late.append(supervisor.spawn(for_ever(), "late"))

    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        supervisor.spawn(fruitful(), "fruitful")
        await started.wait()
    assert [task.cancelled() for task in late] == [True]


async def test_work_cancelled_before_its_first_step_is_not_left_behind() -> None:
    work = for_ever()
    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        supervisor.spawn(work, "unlucky").cancel()
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_closing_repeats_safely() -> None:
    supervisor = Supervisor()
    task = supervisor.spawn(for_ever(), "work")
    async with asyncio.timeout(DEADLINE):
        await supervisor.close()
        await supervisor.close()
    assert task.done()
    assert task.get_name() == "work"


async def test_a_loop_that_fails_or_returns_is_started_again(
    pauses: list[Pauses], caplog: pytest.LogCaptureFixture
) -> None:
    loop = Loop(fails, returns)
    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        supervisor.keep(loop.run, "planning")
        await loop.lasting.wait()
    assert loop.starts == 3
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "planning failed; starting it again"),
        (logging.WARNING, "planning ended; starting it again"),
    ]


async def test_pauses_grow_until_a_run_was_stable(
    pauses: list[Pauses], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = asyncio.get_running_loop()
    turned, real = [0.0], running.time
    monkeypatch.setattr(running, "time", lambda: real() + turned[0])

    async def runs_for_a_minute() -> None:
        turned[0] += 61.0
        raise RuntimeError

    loop = Loop(fails, fails, runs_for_a_minute)
    async with Supervisor() as supervisor:
        supervisor.keep(loop.run, "planning")
        await loop.lasting.wait()
    [asked] = [one.asked for one in pauses]
    assert asked == ["next", "next", "reset", "next"]


async def test_a_loop_that_shrugs_off_its_end_is_not_started_again(pauses: list[Pauses]) -> None:
    async def stubborn() -> None:
        try:
            started.set()
            await for_ever()
        except asyncio.CancelledError:
            return

    started = asyncio.Event()
    loop = Loop(stubborn)
    async with asyncio.timeout(DEADLINE), Supervisor() as supervisor:
        supervisor.keep(loop.run, "stubborn")
        await started.wait()
    assert loop.starts == 1
