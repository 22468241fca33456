"""Names for completion, and what containers use, asked of workers only when somebody looks."""

from __future__ import annotations

import asyncio

import pytest

from cube.manager import samples as samples_module
from cube.manager.samples import Samples
from cube.manager.session import Session, Sessions
from cube.model.allocation import Phase
from cube.model.ids import AllocationId, NodeId
from cube.model.usage import AllocationUsage
from cube.wire.codec import decode_from_manager
from cube.wire.messages import Acknowledge, Sample, Sampled
from tests.manager.conftest import Api

USED = AllocationUsage(id=AllocationId("t.1.1"), cpu_millis=250, memory_bytes=1 << 20)
N1 = NodeId("n1")


async def test_names_are_those_of_what_is_not_stopped(api: Api) -> None:
    for name in ("web", "worker", "db"):
        await api.submit(name=name)
    await api.ask("DELETE", "/task/worker")

    assert await api.get("/name") == ["db", "web"]
    assert await api.get("/name?prefix=w") == ["web"]
    assert await api.get("/name?limit=1") == ["db"]
    async with api.worker("w1") as worker:
        await worker.welcome()
        assert await api.get("/name?of=node&prefix=w") == ["w1"]


async def test_what_has_no_names_is_refused(api: Api) -> None:
    status, body, _ = await api.ask("GET", "/name?of=moon")

    assert (status, body["errors"][0]["path"]) == (400, "?of")


async def test_usage_is_that_of_the_moment_it_is_asked_for(api: Api) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web")
        [order] = await worker.orders(1)
        await worker.report(order.id, Phase.RUNNING)
        await worker.expect(Acknowledge)
        asked = asyncio.create_task(api.get("/usage?task=web"), name="usage")
        question = await worker.expect(Sample)
        used = AllocationUsage(id=order.id, cpu_millis=250, memory_bytes=1 << 20)
        await worker.say(Sampled(number=question.number, allocations=(used, USED)))
        view = await asked

    assert [(one["name"], one["cpu_millis"]) for one in view["allocations"]] == [("web.1", 250)]
    assert view["silent"] == []


async def test_a_node_that_is_not_connected_is_named(api: Api) -> None:
    async with api.worker("w1") as worker:
        await worker.welcome()
        await api.submit(name="web")
        await worker.orders(1)
    status, view, _ = await api.ask("GET", "/usage")

    assert (status, view["silent"], view["allocations"]) == (200, ["w1"], [])
    assert (await api.ask("GET", "/usage?task=nope"))[0] == 404


class Line:
    """One session of a worker that is answered for by the test."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.session = Session(N1)
        self.sessions.enter(self.session)
        self.samples = Samples(self.sessions)

    def questions(self) -> list[int]:
        """The numbers of the questions so far."""
        told = [decode_from_manager(frame) for frame in self.session._messages]
        return [one.number for one in told if isinstance(one, Sample)]

    def answer(self, number: int) -> None:
        self.samples.arrived(N1, Sampled(number=number, allocations=(USED,)))


async def test_many_who_look_at_once_cost_one_question() -> None:
    line = Line()
    looks = [asyncio.create_task(line.samples.take([N1]), name=f"look {n}") for n in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    line.answer(line.questions()[0])

    assert await asyncio.gather(*looks) == [{N1: (USED,)}] * 3
    assert await line.samples.take([N1]) == {N1: (USED,)}, "fresh enough"
    assert len(line.questions()) == 1


async def test_an_answer_to_an_older_question_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "WAIT_SECONDS", 0.02)
    line = Line()

    assert await line.samples.take([N1]) == {N1: None}, "it does not tell in time"
    line.answer(line.questions()[0])
    assert await line.samples.take([N1]) == {N1: None}


async def test_nobody_is_asked_without_a_session() -> None:
    assert await Samples(Sessions()).take([N1]) == {N1: None}
