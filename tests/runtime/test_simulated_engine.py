"""A simulated machine: what a tester can do to it, and that it does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from cube.aio.clock import HandClock
from cube.model.allocation import Exit, FailureKind
from cube.model.container import ContainerState, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.runtime.contract import ContainerEvent, Resync, RuntimeFailure
from cube.runtime.failures import Verb
from cube.runtime.simulated_container import Behaviour, SimulatedContainer
from cube.runtime.simulated_engine import EVENTS_WAITING, SimulatedEngine
from tests.builders import a_spec

NODE = NodeId("w1")


class HandSleep:
    """A sleep that ends when its time is turned on."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def __call__(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._clock.now().monotonic + seconds, future))
        await future

    async def pass_by(self, seconds: float) -> None:
        """Let this time pass, and let everybody do what is then to be done."""
        await some_turns()
        now = self._clock.advance(seconds).monotonic
        for until, future in self._sleepers:
            if until <= now and not future.done():
                future.set_result(None)
        await some_turns()


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def a_label(slot: int = 1, image: str = "busybox") -> RunLabel:
    return RunLabel(
        cluster_id="c1",
        node_id=NODE,
        allocation_id=allocation_id(TaskId("t"), slot, 1),
        restart=0,
        spec=a_spec(image=image),
    )


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sleep(clock: HandClock) -> HandSleep:
    return HandSleep(clock)


@pytest.fixture
async def engine(clock: HandClock, sleep: HandSleep) -> AsyncIterator[SimulatedEngine]:
    behaviours = {
        "crashes": Behaviour(exits_after=5, exit=Exit(1)),
        "fails-at-once": Behaviour(exits_after=0, exit=Exit(2)),
        "eats": Behaviour(exits_after=5, exit=Exit(137, out_of_memory=True)),
        "denied": Behaviour(failures={Verb.PULL: FailureKind.REGISTRY_DENIED}),
    }
    one = SimulatedEngine(behaviours, clock=clock, sleep=sleep)
    yield one
    await one.close()


def run(engine: SimulatedEngine, image: str = "busybox", slot: int = 1) -> SimulatedContainer:
    container = engine.add(f"name-{slot}", a_label(slot, image))
    engine.start(container)
    return container


async def test_a_container_exits_when_its_time_has_come(
    engine: SimulatedEngine, sleep: HandSleep
) -> None:
    container = run(engine, "crashes")

    await sleep.pass_by(4.9)
    assert container.state is ContainerState.RUNNING
    await sleep.pass_by(0.1)

    assert container.exit == Exit(1)
    assert container.finished_ms - container.started_ms == 5000


async def test_a_container_may_have_exited_when_it_was_started(engine: SimulatedEngine) -> None:
    assert run(engine, "fails-at-once").exit == Exit(2)


async def test_the_exit_of_an_earlier_run_does_not_end_the_next(
    engine: SimulatedEngine, sleep: HandSleep
) -> None:
    container = run(engine, "crashes")
    await sleep.pass_by(4)
    engine.kill(container.id)
    engine.start(container)

    await sleep.pass_by(2)

    assert container.state is ContainerState.RUNNING


async def test_what_happens_is_told_in_order(engine: SimulatedEngine, sleep: HandSleep) -> None:
    async with aclosing(engine.follow(NODE)) as events:
        assert await anext(events) == Resync()
        container = run(engine, "eats")
        engine.pause(container.id)
        engine.unpause(container.id)
        await sleep.pass_by(5)
        engine.remove(container.id)
        told = [await anext(events) for _ in range(6)]

    actions = [event.action for event in told if isinstance(event, ContainerEvent)]
    assert actions == ["start", "pause", "unpause", "oom", "die", "destroy"]


async def test_an_engine_that_was_away_tells_to_compare_everything(
    engine: SimulatedEngine,
) -> None:
    container = run(engine)
    async with aclosing(engine.follow(NODE)) as events:
        await anext(events)
        engine.go_away()
        engine.kill(container.id)
        with pytest.raises(RuntimeFailure) as raised:
            await engine.reached(Verb.LIST)
        engine.come_back()
        await engine.reached(Verb.LIST)

        assert await anext(events) == Resync()
    assert raised.value.kind is FailureKind.ENGINE_AWAY


async def test_a_reader_who_is_too_slow_is_told_to_compare_everything(
    engine: SimulatedEngine,
) -> None:
    async with aclosing(engine.follow(NODE)) as events:
        await anext(events)
        for slot in range(EVENTS_WAITING + 1):
            run(engine, slot=slot)

        assert await anext(events) == Resync()


async def test_a_hanging_engine_makes_its_callers_wait(
    engine: SimulatedEngine, sleep: HandSleep
) -> None:
    engine.hang()
    asking = asyncio.create_task(engine.reached(Verb.LIST))

    await sleep.pass_by(29)
    assert not asking.done()
    await sleep.pass_by(1)

    with pytest.raises(RuntimeFailure) as raised:
        await asking
    assert raised.value.kind is FailureKind.ENGINE_SLOW


async def test_failures_come_as_arranged_and_then_no_more(engine: SimulatedEngine) -> None:
    engine.fail_next(Verb.CREATE, FailureKind.NO_SPACE)

    with pytest.raises(RuntimeFailure) as raised:
        await engine.reached(Verb.CREATE, "busybox")
    await engine.reached(Verb.CREATE, "busybox")

    assert raised.value.kind is FailureKind.NO_SPACE


async def test_an_image_may_always_fail(engine: SimulatedEngine) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeFailure) as raised:
            await engine.reached(Verb.PULL, "denied:latest")
        assert raised.value.kind is FailureKind.REGISTRY_DENIED


async def test_a_stop_takes_its_time_and_no_more_than_the_grace(
    engine: SimulatedEngine, sleep: HandSleep
) -> None:
    slow = Behaviour(stop_seconds=5)
    for grace, exit, seconds in [(10, Exit(143), 5), (3, Exit(137), 3)]:
        container = run(engine, slot=grace)
        container.behaviour = slow
        stopping = asyncio.create_task(engine.stop(container, "", grace))

        await sleep.pass_by(seconds - 1)
        assert container.alive
        await sleep.pass_by(1)

        await stopping
        assert container.exit == exit
