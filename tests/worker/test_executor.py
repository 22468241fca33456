"""Every step gets exactly one answer, whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cube.aio.clock import HandClock
from cube.aio.supervise import Supervisor
from cube.core.worker.inputs import Pulled, StepCancelled, StepDone, StepFailed, WorkerInput
from cube.core.worker.steps import Discard, Pull
from cube.model.allocation import Failure, FailureKind
from cube.model.ids import AllocationId
from cube.model.secret import NO_SECRETS, GivenSecrets
from cube.model.spec import TaskSpec
from cube.worker.executor import Executor
from cube.worker.identity import Identity
from tests.worker.small_engine import SmallEngine

ID = AllocationId("t.1.1")


async def _none(_id: AllocationId, _spec: TaskSpec) -> GivenSecrets:
    return NO_SECRETS


async def _nobody(_id: AllocationId, _image: str) -> None:
    """Have no account anywhere."""


class Bench:
    """An executor with its answers in a queue."""

    def __init__(self, supervisor: Supervisor, identity: Identity) -> None:
        self.engine = SmallEngine()
        self.answers: asyncio.Queue[WorkerInput] = asyncio.Queue(maxsize=10)
        self.pulled: list[str] = []
        self.executor = Executor(
            runtime=self.engine,
            identity=identity,
            clock=HandClock(),
            supervisor=supervisor,
            parallel_starts=1,
            tell=self.answers.put_nowait,
            pulled=self.pulled.append,
            secrets=_none,
            account=_nobody,
        )

    async def answer(self) -> WorkerInput:
        async with asyncio.timeout(5):
            return await self.answers.get()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    identity = Identity(tmp_path)
    async with Supervisor() as supervisor:
        yield Bench(supervisor, identity)
    identity.close()


async def test_a_success_is_answered(bench: Bench) -> None:
    bench.executor.perform(Discard(ID, "c1"))
    assert await bench.answer() == StepDone(Discard(ID, "c1"))


async def test_a_pull_is_noted_once_the_image_is_there(bench: Bench) -> None:
    bench.executor.perform(Pull(ID, "nginx"))
    while not isinstance(await bench.answer(), StepDone):
        pass
    assert bench.pulled == ["nginx"]
    bench.engine.away = "no engine"
    bench.executor.perform(Pull(ID, "redis"))
    assert isinstance(await bench.answer(), StepFailed)
    assert bench.pulled == ["nginx"]


async def test_a_failure_is_answered_with_its_name(bench: Bench) -> None:
    bench.engine.away = "no engine"
    bench.executor.perform(Pull(ID, "nginx"))
    expected = StepFailed(Pull(ID, "nginx"), Failure(FailureKind.ENGINE_AWAY, "no engine"))
    assert await bench.answer() == expected


async def test_a_fault_of_the_runtime_is_answered_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(container_id: str) -> None:
        raise KeyError(container_id)

    monkeypatch.setattr(bench.engine, "remove", breaks)
    bench.executor.perform(Discard(ID, "c1"))
    answer = await bench.answer()
    assert isinstance(answer, StepFailed)
    assert answer.failure.kind is FailureKind.ENGINE_ERROR


@pytest.mark.parametrize("begun", [False, True])
async def test_what_is_given_up_is_answered_once(bench: Bench, begun: bool) -> None:
    bench.engine.pull_forever = True
    bench.executor.perform(Pull(ID, "nginx"))
    if begun:
        assert await bench.answer() == Pulled(ID, 43, 100)
    bench.executor.cancel(ID)
    bench.executor.cancel(ID)
    assert await bench.answer() == StepCancelled(Pull(ID, "nginx"))
    bench.executor.cancel(ID)
    assert bench.answers.empty()
