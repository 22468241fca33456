"""The commit loop, with a core that does as it is told and a ledger whose disk is this test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from cube.core.effects import Effects, Held, Welcomed, Writes
from cube.core.inputs import Input, Renew, Tick
from cube.errors import CubeError, LedgerBroken, LedgerFull
from cube.manager import decider as decider_module
from cube.manager.decider import READING_TURNS
from cube.model.timing import Instant
from tests.manager.bench import W1, Bench, a_wish, removal, turns


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(decider_module, "FULL_PAUSE", 0.01)
    made = Bench()
    await turns()
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)
    if made.decider.failed.done():
        made.decider.failed.exception()


async def test_nothing_leaves_before_the_commit(bench: Bench) -> None:
    bench.will(1, Held(True), removal(1))
    deciding = bench.decide()
    await turns()

    assert not deciding.done() and bench.heard.all == []

    bench.ledger.commits[0].set_result(None)
    assert await deciding == Held(True)
    assert bench.heard.all == [removal(1), 1]


async def test_orders_and_events_leave_in_the_order_of_the_decisions(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.will(number, None, removal(number))
    deciding = [bench.decide() for _ in range(3)]
    await turns()
    for commit in reversed(bench.ledger.commits):  # even when the answers come the wrong way round
        commit.set_result(None)
        await turns()

    await asyncio.gather(*deciding)
    assert bench.heard.all == [removal(1), 1, removal(2), 2, removal(3), 3]


async def test_what_is_recorded_together_is_told_a_little_in_each_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_after = await tell_three(bench, monkeypatch)
    assert told_after == [[1], [1, 2], [1, 2, 3]]


async def test_what_was_recorded_is_told_before_the_failure_of_what_was_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_after = await tell_three(bench, monkeypatch, failing=3)
    assert told_after[-1] == [1, 2]
    assert bench.decider.doubt is not None


async def tell_three(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failing: int = 0
) -> list[list[object]]:
    """Have three decisions come back together; return what had been told after each of three turns of the loop."""
    monkeypatch.setattr(decider_module, "TOLD_AT_ONCE", -1.0)
    told = []
    for number in (1, 2, 3):
        bench.will(number)
        told.append(asyncio.ensure_future(bench.decider.post([a_wish()])))
    for number, commit in enumerate(bench.ledger.commits, start=1):
        if number == failing:
            commit.set_exception(LedgerFull("no room"))
        else:
            commit.set_result(None)
    seen: list[list[object]] = []
    for _ in range(3):
        await asyncio.sleep(0)
        seen.append(list(bench.heard.all))
    outcomes = await asyncio.gather(*told, return_exceptions=True)
    assert [isinstance(one, LedgerFull) for one in outcomes] == [
        number == failing for number in (1, 2, 3)
    ]
    return seen


async def test_what_needs_no_commit_waits_for_those_before_it(bench: Bench) -> None:
    bench.will(1)
    bench.will(0, Held(True))
    first, second = bench.decide(), bench.decide()
    await turns()
    assert len(bench.ledger.commits) == 1 and not second.done()

    bench.ledger.commits[0].set_result(None)
    assert await second == Held(True)
    assert first.done()


async def test_a_lease_is_answered_at_once_and_not_recorded(bench: Bench) -> None:
    bench.will(1)
    bench.will(0, Held(True))
    bench.will(0, Held(False))
    deciding = bench.decide()
    await turns()

    assert bench.decider.renew(Renew(W1, 1)).current
    assert not bench.decider.renew(Renew(W1, 0)).current
    assert len(bench.ledger.commits) == 1
    bench.ledger.commits[0].set_result(None)
    await deciding


async def test_a_read_shows_nothing_that_is_not_recorded(bench: Bench) -> None:
    bench.will(1)
    deciding = bench.decide()
    await turns()
    reading = asyncio.create_task(bench.decider.read(lambda core: core.cluster.id))
    await turns()
    assert not reading.done()

    bench.ledger.commits[0].set_result(None)
    assert await reading == "c"
    await deciding


async def test_a_caller_that_leaves_takes_nothing_back(bench: Bench) -> None:
    bench.will(1, None, removal(1))
    deciding = bench.decide()
    await turns()
    deciding.cancel()
    await turns()
    bench.ledger.commits[0].set_result(None)
    await turns()
    assert bench.heard.all == [removal(1), 1]


async def test_a_full_disk_refuses_every_waiting_change_and_then_works_again(bench: Bench) -> None:
    bench.will(1, None, removal(1))
    bench.will(2, None, removal(2))
    bench.will(3, Held(True))
    first, second = bench.decide(), bench.decide()
    await turns()
    for commit in bench.ledger.commits:
        commit.set_exception(LedgerFull("no room"))

    for refused in (first, second):
        with pytest.raises(LedgerFull):
            await refused
    await bench.heard.started_over.wait()
    assert bench.heard.all == []
    assert bench.decider.core is bench.cores[1] and bench.decider.core.cluster.revision == 7

    async with asyncio.timeout(5):
        while bench.decider.doubt:
            await asyncio.sleep(0.01)
    third = bench.decide()
    await turns()
    bench.ledger.commits[2].set_result(None)
    assert await third == Held(True)


async def test_a_disk_that_stays_full_is_asked_again(bench: Bench) -> None:
    bench.ledger.room = False
    bench.will(1)
    deciding = bench.decide()
    await turns()
    bench.ledger.commits[0].set_exception(LedgerFull("no room"))
    with pytest.raises(LedgerFull):
        await deciding
    with pytest.raises(LedgerFull):
        await bench.decider.decide(a_wish())
    assert await bench.decider.read(lambda core: core.cluster.revision) == 7  # reading goes on
    async with asyncio.timeout(5):
        while bench.ledger.recovered < 3:
            await asyncio.sleep(0.005)
        bench.ledger.room = True
        while bench.decider.doubt:
            await asyncio.sleep(0.005)
    assert bench.decider.core is bench.cores[2]  # built at the end of it: its leases are fresh


async def test_a_read_during_a_full_disk_shows_what_is_recorded(bench: Bench) -> None:
    bench.will(1)
    deciding = bench.decide()
    await turns()
    seen: list[object] = []
    reading = asyncio.create_task(bench.decider.read(lambda core: seen.append(core)))
    await turns()
    bench.ledger.commits[0].set_exception(LedgerFull("no room"))
    await reading
    assert seen == [bench.cores[0], bench.cores[1]]  # looked again, at the core that was built anew
    with pytest.raises(LedgerFull):
        await deciding


async def test_a_broken_ledger_ends_the_manager_with_its_reason(bench: Bench) -> None:
    bench.will(1)
    deciding = bench.decide()
    await turns()
    bench.ledger.commits[0].set_exception(LedgerBroken("fsync failed"))
    with pytest.raises(LedgerBroken):
        await deciding
    with pytest.raises(LedgerBroken, match="fsync failed"):
        await bench.decider.failed
    assert bench.ledger.recovered == 0


async def test_a_fault_of_the_core_is_mended_from_the_ledger(bench: Bench) -> None:
    bench.will(1, Held(True), removal(1))
    before = bench.decide()
    await turns()

    def fail(told: Input, now: Instant, /) -> Effects:
        raise ZeroDivisionError

    bench.cores[0].handle = fail  # type: ignore[method-assign]
    with pytest.raises(CubeError, match="nothing was changed"):
        await bench.decider.decide(a_wish())
    bench.ledger.commits[0].set_result(None)
    assert await before == Held(True)  # what was decided before is still told
    await bench.heard.started_over.wait()
    assert bench.decider.core is bench.cores[1]


async def test_several_inputs_are_one_transaction(bench: Bench) -> None:
    bench.will(1, Held(True), removal(1))
    bench.will(2, Held(False), removal(2))
    told = bench.decider.post([a_wish(), a_wish()])
    assert len(bench.ledger.commits) == 1
    bench.ledger.commits[0].set_result(None)
    assert await told == [Held(True), Held(False)]
    assert bench.heard.all == [removal(1), removal(2), 1, 2]


async def test_the_hook_is_called_just_before_the_orders(bench: Bench) -> None:
    bench.will(1, Welcomed(1, 1.0, 4.0), removal(1))
    bench.decider.post([a_wish()], then=lambda effects: bench.heard.all.append("then"))
    bench.ledger.commits[0].set_result(None)
    await turns()
    assert bench.heard.all == ["then", removal(1), 1]


async def test_the_core_gets_its_tick_when_it_asked_for_one(bench: Bench) -> None:
    ticks = count_ticks(bench)
    at = bench.clock.now().monotonic + 0.02
    bench.script.append(Effects(writes=Writes(), look_again_at=at))
    await bench.decider.decide(a_wish())
    bench.clock.advance(0.02)
    async with asyncio.timeout(5):
        while count_ticks(bench) == ticks:
            await asyncio.sleep(0.005)


async def test_a_core_with_more_to_plan_is_ticked_at_once(bench: Bench) -> None:
    ticks = count_ticks(bench)
    bench.script.append(Effects(writes=Writes(), more=True))
    await bench.decider.decide(a_wish())
    await until_ticked(bench, ticks + 1)
    await turns()
    assert count_ticks(bench) == ticks + 1


async def test_a_tick_tells_until_when_everything_that_arrived_was_handed_in(bench: Bench) -> None:
    seen: list[tuple[float, float | None]] = []

    def handle(told: Input, now: Instant, /) -> Effects:
        assert isinstance(told, Tick)
        seen.append((now.monotonic, told.heard_until))
        bench.clock.advance(1)
        return Effects(writes=Writes(), more=len(seen) < 8)

    bench.cores[0].handle = handle  # type: ignore[method-assign]
    bench.decider.post([Tick()])
    async with asyncio.timeout(5):
        while len(seen) < 8:
            await asyncio.sleep(0.005)
    # A turn of the loop may take as long as it likes: what comes within it is not held against those it comes from.
    assert [at - (until or 0) for at, until in seen[5:]] == [READING_TURNS] * 3


class BusyLoop:
    """A loop of which each turn takes ages."""

    def __init__(self) -> None:
        self._real, self._ages = asyncio.get_running_loop(), count(0, 1_000)

    def time(self) -> float:
        return next(self._ages)

    def create_future(self) -> asyncio.Future[Any]:
        return self._real.create_future()

    def call_soon(self, *what: Any) -> None:
        self._real.call_soon(*what)


async def test_a_core_with_more_to_plan_leaves_a_busy_loop_to_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decider_module, "LONGEST_PAUSE", 3_600.0)
    monkeypatch.setattr(bench.decider, "_loop", BusyLoop())
    ticks = count_ticks(bench)
    bench.script.append(Effects(writes=Writes(), more=True))
    await bench.decider.decide(a_wish())
    await turns()
    assert count_ticks(bench) == ticks


async def until_ticked(bench: Bench, times: int) -> None:
    async with asyncio.timeout(5):
        while count_ticks(bench) < times:
            await asyncio.sleep(0.005)


def count_ticks(bench: Bench) -> int:
    return sum(isinstance(told, Tick) for told in bench.cores[0].told)
