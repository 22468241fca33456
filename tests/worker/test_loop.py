"""The loop gives inputs to the core in order and wakes it when it asked for that."""

from __future__ import annotations

import asyncio

from cube.aio.clock import HandClock, SystemClock
from cube.core.worker.core import WorkerCore
from cube.core.worker.inputs import Looked, Ordered, StepFailed
from cube.core.worker.steps import Create, WorkerEffects
from cube.model.allocation import Failure, FailureKind
from cube.model.timing import Timing
from cube.worker.loop import Loop
from tests.worker.orders import run

AWAY = Failure(FailureKind.ENGINE_AWAY, "no engine")


async def test_what_follows_is_carried_out_in_the_same_turn() -> None:
    loop = Loop(WorkerCore(), HandClock())
    carried_out: list[WorkerEffects] = []
    loop.begin(carried_out.append)
    loop.tell(Looked((), 0.0))
    loop.tell(Ordered((run(),)))
    assert [type(step) for effects in carried_out for step in effects.steps] == [Create]
    loop.close()


async def test_the_core_is_woken_when_its_pause_is_over() -> None:
    loop = Loop(WorkerCore(Timing(temporary_first=0.01)), SystemClock())
    creates: asyncio.Queue[Create] = asyncio.Queue(maxsize=10)

    def carry_out(effects: WorkerEffects) -> None:
        for step in effects.steps:
            assert isinstance(step, Create)
            creates.put_nowait(step)

    loop.begin(carry_out)
    loop.tell(Looked((), 0.0))
    loop.tell(Ordered((run(),)))
    loop.tell(StepFailed(await creates.get(), AWAY))
    async with asyncio.timeout(5):
        assert await creates.get()
    loop.close()


async def test_nothing_is_carried_out_once_it_is_closed() -> None:
    loop = Loop(WorkerCore(), HandClock())
    carried_out: list[WorkerEffects] = []
    loop.begin(carried_out.append)
    loop.close()
    loop.tell(Looked((), 0.0))
    assert carried_out == []


async def test_who_watches_sees_every_input_before_it_is_carried_out() -> None:
    seen: list[object] = []
    loop = Loop(WorkerCore(), HandClock(), seen.append)
    loop.begin(lambda effects: seen.append(type(effects)))
    loop.tell(Looked((), 0.0))
    assert seen == [Looked((), 0.0), WorkerEffects]

    loop.close()
    loop.tell(Looked((), 0.0))
    assert len(seen) == 2
