"""What only the simulated runtime promises: scripted misbehaviour, and that it is cheap."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from cube.model.allocation import FailureKind
from cube.model.container import ContainerState, Fence, RunLabel
from cube.model.ids import NodeId, TaskId, allocation_id
from cube.model.spec import Port
from cube.runtime.contract import PullProgress, RuntimeFailure
from cube.runtime.failures import Verb
from cube.runtime.simulated import SimulatedRuntime
from cube.runtime.simulated_container import Behaviour
from cube.runtime.simulated_engine import SimulatedEngine
from tests.builders import a_spec

NODE = NodeId("w1")
SPEC = a_spec()
BYTES_PER_CONTAINER = 3_000


def a_label(slot: int = 1, **fields: object) -> RunLabel:
    return RunLabel(
        cluster_id="c1",
        node_id=NODE,
        allocation_id=allocation_id(TaskId("t"), slot, 1),
        restart=0,
        spec=a_spec(**fields) if fields else SPEC,
    )


def ignore(_: PullProgress) -> None:
    """Not be interested."""


async def test_an_image_is_there_once_it_was_pulled() -> None:
    engine = SimulatedEngine({"busybox": Behaviour(present=False, size_bytes=100)})
    runtime = SimulatedRuntime(NODE, engine)
    heard: list[PullProgress] = []
    label = a_label(image="busybox")

    with pytest.raises(RuntimeFailure) as raised:
        await runtime.create(label)
    await runtime.pull("busybox", heard.append)
    created = await runtime.create(label)

    assert raised.value.kind is FailureKind.IMAGE_MISSING
    assert [progress.done_bytes for progress in heard] == [25, 50, 75, 100]
    assert created.state is ContainerState.CREATED


async def test_the_next_process_of_a_worker_finds_what_the_last_one_fenced() -> None:
    engine = SimulatedEngine({})
    former, latter = SimulatedRuntime(NODE, engine), SimulatedRuntime(NODE, engine)
    assert await latter.inherited_fence() is None

    former.fence(Fence(("a",), 4.0))
    assert await latter.inherited_fence() == Fence(("a",), 4.0)

    former.fence(Fence((), 0.0))
    assert await latter.inherited_fence() is None


async def test_a_pull_can_be_denied() -> None:
    denied = Behaviour(present=False, failures={Verb.PULL: FailureKind.REGISTRY_DENIED})
    runtime = SimulatedRuntime(NODE, SimulatedEngine({"private": denied}))

    with pytest.raises(RuntimeFailure) as raised:
        await runtime.pull("private", ignore)

    assert raised.value.kind is FailureKind.REGISTRY_DENIED


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.START, Verb.STOP, Verb.REMOVE])
async def test_a_call_whose_answer_was_lost_has_been_done_and_may_be_repeated(verb: Verb) -> None:
    engine = SimulatedEngine()
    runtime = SimulatedRuntime(NODE, engine)
    engine.lose_next(verb)
    lost = 0

    async def one_life() -> None:
        created = await runtime.create(a_label())
        await runtime.start(created.id)
        await runtime.stop(created.id, "", 1000)
        await runtime.remove(created.id)

    for _ in range(2):
        try:
            await one_life()
        except RuntimeFailure as failure:
            assert failure.kind is FailureKind.ENGINE_AWAY
            lost += 1

    assert lost == 1
    assert engine.containers == {}


async def test_two_tasks_cannot_have_one_port() -> None:
    runtime = SimulatedRuntime(NODE, SimulatedEngine())
    first, second = [
        await runtime.create(a_label(slot, ports=(Port(80, 8080),))) for slot in (1, 2)
    ]
    await runtime.start(first.id)

    with pytest.raises(RuntimeFailure, match="port 8080 is taken"):
        await runtime.start(second.id)
    await runtime.stop(first.id, "", 0)

    assert (await runtime.start(second.id)).ports[0].host_port == 8080


async def test_what_takes_time_takes_it_by_the_given_clock() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    behaviour = Behaviour(pull_seconds=8, create_seconds=1, start_seconds=2, command_seconds=3)
    engine = SimulatedEngine(others=behaviour, sleep=sleep)
    runtime = SimulatedRuntime(NODE, engine)

    await runtime.pull("busybox", ignore)
    created = await runtime.create(a_label())
    await runtime.start(created.id)
    await runtime.run_command(created.id, ("true",), 5000)

    assert slept == [2, 2, 2, 2, 1, 2, 3]


async def test_a_container_removed_while_it_starts_is_missed() -> None:
    engine = SimulatedEngine()

    async def remove_all(_: float) -> None:
        for container_id in list(engine.containers):
            engine.remove(container_id)

    slow = SimulatedEngine(others=Behaviour(start_seconds=1), sleep=remove_all)
    engine = slow
    runtime = SimulatedRuntime(NODE, slow)
    created = await runtime.create(a_label())

    with pytest.raises(RuntimeFailure) as raised:
        await runtime.start(created.id)

    assert raised.value.kind is FailureKind.REMOVED_OUTSIDE


@pytest.mark.slow
async def test_ten_thousand_containers_are_cheap() -> None:
    runtime = SimulatedRuntime(NODE, SimulatedEngine())
    tracemalloc.start()
    try:
        for slot in range(1, 10_001):
            created = await runtime.create(a_label(slot))
            await runtime.start(created.id)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used / 10_000 < BYTES_PER_CONTAINER
    assert len(asyncio.all_tasks()) == 1
    assert len(await runtime.containers()) == 10_000
