"""What is noted, how often it is told, and what is kept for those who follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from cube.core.effects import Effects, Writes
from cube.core.manager import ManagerCore
from cube.errors import CubeError, ManagerAway
from cube.manager import watching as module
from cube.manager.watching import Watching
from cube.model.allocation import Phase
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import TaskId
from cube.model.timing import Instant
from tests.builders import node_id, task_id
from tests.manager.conftest import until
from tests.world import World


class Recorded:
    """A decider all of whose decisions are on record; `look` happens before a look returns."""

    doubt: CubeError | None = None

    def __init__(self, world: World) -> None:
        self._world = world
        self.looks = 0
        self.look: Callable[[], None] | None = None

    @property
    def core(self) -> ManagerCore:
        return self._world.core

    def now(self) -> Instant:
        return Instant(asyncio.get_running_loop().time(), self._world.now.wall_ms)

    async def read(self, look: Callable[[Any], Any]) -> Any:
        self.looks += 1
        seen = look(self.core)
        if self.look is not None:
            self.look()
        return seen


class Nothing:
    """A history without events."""

    async def events(self, **wish: object) -> list[TaskEvent]:
        return []


class Stage:
    """A world, and somebody who watches it."""

    def __init__(self) -> None:
        self.world = World()
        self.decider = Recorded(self.world)
        self.watching = Watching(self.decider, Nothing(), followers=9)  # type: ignore[arg-type]

    def touch(self, *names: str) -> None:
        touched = dict.fromkeys(task_id(name) for name in names)
        self.watching.touched(Effects(writes=Writes(), touched=touched))

    async def told(self, number: int, kind: str, count: int = 1) -> list[Any]:
        """The data of the messages of that kind from that number on, when there are so many."""
        async with asyncio.timeout(5):
            while True:
                found = [data for name, data in messages(self.watching, number) if name == kind]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.005)


def messages(watching: Watching, number: int) -> Sequence[tuple[str, Any]]:
    """Everything in the journal from that number on."""
    journal, data = watching.journal, b""
    while number != journal.end:
        more, number = journal.read(number)
        data += more
    found = []
    for text in data.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in text.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.005)
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    stage = Stage()
    running = asyncio.create_task(stage.watching.run())
    await asyncio.sleep(0)
    yield stage
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_where_nobody_follows_nothing_is_done(stage: Stage) -> None:
    stage.touch("web")
    stage.watching.publish([an_event(1)])
    await asyncio.sleep(0)
    assert (stage.decider.looks, messages(stage.watching, stage.watching.journal.end)) == (0, [])


async def test_what_happens_between_two_rounds_is_told_once(stage: Stage) -> None:
    stage.world.submit("web")
    with stage.watching.follow():
        number = (await stage.watching.everything()).number
        for _ in range(50):
            stage.touch("web")
        told = await stage.told(number, "task")
        assert [task["name"] for task in told] == ["web"]


async def test_a_round_has_a_bound_and_the_rest_comes_with_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VIEWS_AT_ONCE", 2)
    names = [f"t{number}" for number in range(5)]
    for name in names:
        stage.world.submit(name)
    with stage.watching.follow():
        everything = await stage.watching.everything()
        assert len(everything.messages) == 3
        before = stage.decider.looks
        stage.touch(*names)
        told = await stage.told(everything.number, "task", 5)
        assert [task["name"] for task in told] == names
        assert stage.decider.looks - before >= 3


async def test_of_a_flood_of_events_the_newest_are_told_and_the_others_counted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.watching.follow():
        number = (await stage.watching.everything()).number
        flood = module.ROUND_EVENTS + 10
        stage.watching.publish([an_event(revision) for revision in range(flood)])
        told = await stage.told(number, "event", module.ROUND_EVENTS)
        assert [event["revision"] for event in told] == list(range(10, flood))
        assert await stage.told(number, "skipped") == [{"events": 10}]


async def test_all_who_ask_get_one_snapshot(stage: Stage) -> None:
    with stage.watching.follow(), stage.watching.follow():
        first, second = await asyncio.gather(*(stage.watching.everything() for _ in range(2)))
        assert first is second is await stage.watching.everything()


async def test_a_snapshot_is_made_anew_when_reading_on_would_cost_more(stage: Stage) -> None:
    with stage.watching.follow():
        first = await stage.watching.everything()
        stage.watching.journal.append([b"x" * (first.size + 1)])
        assert await stage.watching.everything() is not first


async def test_a_snapshot_of_what_was_taken_back_is_not_given_out(stage: Stage) -> None:
    stage.world.submit("web")

    def take_back() -> None:
        stage.decider.look = None
        stage.watching.start_over()

    stage.decider.look = take_back
    with stage.watching.follow():
        everything = await stage.watching.everything()
        assert stage.watching.journal.holds(everything.number)


async def test_when_the_last_has_left_for_long_nothing_is_kept(stage: Stage) -> None:
    stage.world.submit("web")
    with stage.watching.follow():
        everything = await stage.watching.everything()
        last = everything.messages[-1].decode().splitlines()[0].removeprefix("id: ")
        assert stage.watching.resumed(last) == everything.number

    async def forgotten() -> bool:
        return stage.watching.resumed(last) is None

    await until(forgotten)


async def test_nodes_are_told_again_for_what_they_use(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NODES_SECONDS", 0.01)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(module, "NODES_AT_ONCE", 1)
    stage.world.join("w1", "w2")
    with stage.watching.follow():
        number = (await stage.watching.everything()).number
        told = await stage.told(number, "node", 3)
        assert {node["id"] for node in told} == {node_id("w1"), node_id("w2")}


async def test_a_manager_that_takes_no_changes_is_told(stage: Stage) -> None:
    with stage.watching.follow():
        number = (await stage.watching.everything()).number
        stage.decider.doubt = CubeError("the disk is full")
        stage.touch("web")
        [told] = await stage.told(number, "attention")
        assert [one["code"] for one in told["concerns"]] == ["ledger"]
        stage.decider.doubt = None
        stage.touch("web")
        told = (await stage.told(number, "attention", 2))[1]
        assert told["concerns"] == []


async def test_the_end_of_the_manager_is_told_to_those_who_wait_for_a_snapshot() -> None:
    watching = Stage().watching  # which nobody runs
    with watching.follow():
        waiting = asyncio.create_task(watching.everything())
        await asyncio.sleep(0)
        watching.close()
        with pytest.raises(ManagerAway):
            await waiting


async def test_a_snapshot_that_fails_is_told_and_the_loop_ends(stage: Stage) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    stage.decider.look = fail
    with stage.watching.follow(), pytest.raises(ManagerAway, match="broken"):
        await stage.watching.everything()


def an_event(revision: int) -> TaskEvent:
    return TaskEvent(
        revision=revision, at_ms=0, kind=EventKind.TASK_CHANGED, task_id=TaskId("t"), task="web"
    )


async def test_what_only_time_calms_is_looked_at_again_until_it_has(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.0)
    monkeypatch.setattr(module, "NODES_SECONDS", 0.0)
    world = stage.world
    world.join("w1")
    world.submit()
    started = {"started_ms": world.now.wall_ms, "failures_in_row": 3}
    world.report(world.latest(), phase=Phase.RUNNING, restart=3, **started)
    with stage.watching.follow():
        begin = stage.watching.journal.end
        stage.touch("web")
        [first] = await stage.told(begin, "attention")
        assert [one["code"] for one in first["concerns"]] == ["unstable"]

        world.pass_time(60)

        assert (await stage.told(begin, "attention", 2))[1]["concerns"] == []
