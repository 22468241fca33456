"""A real watchdog process before a pretended engine: what it kills, when, and when it goes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from cube.aio.clock import SystemClock
from cube.model.container import Fence
from cube.runtime.fencing import Fencing
from tests.runtime.fake_engine import FakeEngine

pytestmark = pytest.mark.slow  # each starts a Python of its own

SECONDS = 10.0
FAR = 1_000.0


class Place:
    """A worker's folder, and the engine that the watchdog asks."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        self.folder = folder
        self.engine = engine
        self._workers: list[Fencing] = []

    def worker(self) -> Fencing:
        """Another process of the worker."""
        self._workers.append(Fencing(self.folder, self.engine.url))
        return self._workers[-1]

    def mortal(self, *containers: str, status: int = 204) -> None:
        """Let the engine answer this to whoever wants them killed."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status)

        for one in containers:
            self.engine.on("POST", f"containers/{one}/kill", answer)

    @property
    def killed(self) -> list[str]:
        """What the engine was asked to kill, in order."""
        return [request.path.split("/")[2] for request in self.engine.asked]

    def close(self) -> None:
        """Leave no watchdog behind."""
        for one in self._workers:
            one.close()
        for process in watchdogs():
            process.kill()
            process.wait(SECONDS)


@pytest.fixture
async def place(tmp_path: Path, fake_engine: FakeEngine) -> AsyncIterator[Place]:
    one = Place(tmp_path / ("a folder with a long name " * 5) / "fences", fake_engine)
    yield one
    one.close()


def watchdogs() -> list[psutil.Process]:
    """The watchdogs that this process started and that live."""
    return [one for one in psutil.Process().children() if _watches(one)]


def _watches(process: psutil.Process) -> bool:
    try:
        return any("watchdog" in word for word in process.cmdline())
    except psutil.Error:  # it has ended, and is not buried yet
        return False


def in_seconds(seconds: float) -> float:
    return SystemClock().now().monotonic + seconds


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.01)


async def test_only_what_is_fenced_is_killed_and_only_when_its_time_has_come(place: Place) -> None:
    place.mortal("a", "b")
    kill_at = in_seconds(0.3)
    place.worker().guard(Fence(("a", "b"), kill_at))

    await until(lambda: len(place.killed) == 2)

    assert SystemClock().now().monotonic >= kill_at
    assert sorted(place.killed) == ["a", "b"]


async def test_a_deadline_that_is_moved_in_time_kills_nothing(place: Place) -> None:
    place.mortal("a", "b")
    worker = place.worker()
    worker.guard(Fence(("a",), in_seconds(0.3)))
    worker.guard(Fence(("a",), in_seconds(FAR)))
    worker.guard(Fence(("b",), in_seconds(0.5)))

    await until(lambda: bool(place.killed))

    assert place.killed == ["b"]


async def test_it_outlives_its_worker_and_ends_when_nothing_is_left_to_kill(place: Place) -> None:
    place.mortal("a")
    worker = place.worker()
    worker.guard(Fence(("a",), in_seconds(0.5)))
    worker.close()

    await until(lambda: place.killed == ["a"])
    await until(lambda: watchdogs() == [])


async def test_it_ends_with_its_worker_when_nothing_is_fenced(place: Place) -> None:
    worker = place.worker()
    worker.guard(Fence(("a",), in_seconds(FAR)))
    worker.guard(Fence((), 0.0))
    assert len(watchdogs()) == 1
    worker.close()

    await until(lambda: watchdogs() == [])

    assert place.killed == []


async def test_none_is_started_while_nothing_is_fenced(place: Place) -> None:
    place.worker().guard(Fence((), 0.0))

    assert watchdogs() == []
    assert not place.folder.exists()


async def test_the_next_process_of_the_worker_takes_over_the_deadline_and_moves_it(
    place: Place,
) -> None:
    place.mortal("a", "b")
    fence = Fence(("a",), in_seconds(1.0))
    former = place.worker()
    former.guard(fence)
    former.close()
    (watchdog,) = watchdogs()
    latter = place.worker()

    assert await latter.inherited() == fence
    latter.guard(Fence(("a",), in_seconds(FAR)))
    latter.guard(Fence(("b",), in_seconds(1.2)))
    await until(lambda: bool(place.killed))

    assert place.killed == ["b"]
    assert watchdogs() == [watchdog]


async def test_a_worker_that_takes_over_and_says_nothing_moves_nothing(place: Place) -> None:
    place.mortal("a")
    former = place.worker()
    former.guard(Fence(("a",), in_seconds(0.5)))
    former.close()

    await place.worker().inherited()

    await until(lambda: place.killed == ["a"])


async def test_where_no_watchdog_is_nothing_is_inherited(place: Place) -> None:
    assert await place.worker().inherited() is None


async def test_an_engine_that_fails_is_asked_again(place: Place) -> None:
    place.mortal("a", status=500)
    place.worker().guard(Fence(("a",), in_seconds(0.0)))
    await until(lambda: place.killed == ["a"])

    place.mortal("a")
    await until(lambda: place.killed == ["a", "a"])
    place.worker().close()


async def test_an_engine_that_listens_on_a_port_is_asked_there(
    place: Place, tmp_path: Path
) -> None:
    place.mortal("a")
    worker = Fencing(tmp_path / "fences", await place.engine.open_tcp())

    worker.guard(Fence(("a",), in_seconds(0.0)))

    await until(lambda: place.killed == ["a"])
    worker.close()


async def test_an_engine_that_is_away_is_asked_when_it_is_back(place: Place) -> None:
    place.mortal("a")
    await place.engine.close()
    place.worker().guard(Fence(("a",), in_seconds(0.0)))
    await until(lambda: place.worker().killed("a"))

    await place.engine.open()

    await until(lambda: place.killed == ["a"])


async def test_one_engine_that_hangs_on_a_container_holds_up_no_other(place: Place) -> None:
    place.engine.hang("POST", "containers/a/kill")
    place.mortal("b")

    place.worker().guard(Fence(("a", "b"), in_seconds(0.0)))

    await until(lambda: sorted(place.killed) == ["a", "b"])


async def test_what_it_kills_is_known_until_the_container_is_gone(place: Place) -> None:
    place.mortal("a")
    worker = place.worker()
    worker.guard(Fence(("a",), in_seconds(0.0)))
    await until(lambda: place.killed == ["a"])

    assert place.worker().killed("a")
    worker.forget_all_but({"a", "b"})
    assert worker.killed("a")
    worker.forget_all_but({"b"})
    assert not worker.killed("a")


async def test_what_had_ended_by_itself_is_not_called_killed(place: Place) -> None:
    place.mortal("a", status=409)
    worker = place.worker()

    worker.guard(Fence(("a",), in_seconds(0.0)))
    await until(lambda: place.killed == ["a"])

    await until(lambda: not worker.killed("a"))


async def test_a_dead_watchdog_is_replaced_with_the_next_word(place: Place) -> None:
    worker = place.worker()
    worker.guard(Fence(("a",), in_seconds(FAR)))
    (first,) = watchdogs()
    first.kill()
    await until(lambda: watchdogs() == [])

    worker.guard(Fence(("a",), in_seconds(FAR + 1)))

    assert len(watchdogs()) == 1


async def test_a_frozen_watchdog_that_was_replaced_kills_nothing_when_it_wakes(
    place: Place,
) -> None:
    former = place.worker()
    kill_at = in_seconds(3.0)
    former.guard(Fence(("a",), kill_at))
    (frozen,) = watchdogs()
    os.kill(frozen.pid, signal.SIGSTOP)
    latter = place.worker()
    assert await latter.inherited() is None
    latter.guard(Fence(("a",), in_seconds(FAR)))
    await until(lambda: in_seconds(0) > kill_at)

    os.kill(frozen.pid, signal.SIGCONT)
    await until(lambda: frozen not in watchdogs())

    assert place.killed == []
    assert len(watchdogs()) == 1


async def test_that_none_can_be_started_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    worker = Fencing(tmp_path / "file" / "fences", "unix:///nowhere")

    worker.guard(Fence(("a",), in_seconds(FAR)))
    worker.guard(Fence(("a",), in_seconds(FAR)))

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "no watchdog" in caplog.text
