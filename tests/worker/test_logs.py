"""One allocation's log, from what the engine keeps to frames: whole, once, and losses told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from cube.aio.clock import HandClock
from cube.aio.wakeup import Wakeup
from cube.core.restart import Over
from cube.core.worker.workload import Workload
from cube.model.allocation import Failure, FailureKind, Phase, Wanted
from cube.model.container import ContainerSeen, ContainerState, RunLabel
from cube.model.ids import NodeId
from cube.model.logs import Mark
from cube.runtime.contract import LogLine, LogOptions, Runtime, RuntimeFailure
from cube.wire.codec import decode_view
from cube.wire.log_frames import Frame, FrameKind, FrameReader
from cube.wire.messages import OpenStream
from cube.wire.views import LogRecord
from cube.worker import logs as logs_module
from cube.worker.logs import AllocationLog
from tests.worker.orders import ID, SPEC

DEADLINE = 5.0
NOW_NS = 1_700_000_000 * 1_000_000_000  # what a new HandClock says


def line(at_ns: int, text: str, stream: str = "stdout") -> LogLine:
    return LogLine(at_ns=at_ns, stream=stream, text=text)


class KeptLogs:
    """The part of a runtime that reads logs. Its tail counts the lines of both outputs, as the engine's does."""

    def __init__(self, **lines: list[LogLine]) -> None:
        self.lines = lines
        self.ended = asyncio.Event()
        self.written = asyncio.Event()
        self.asked: list[LogOptions] = []
        self.breaks = 0  # so many followed readings break off behind their first lines
        self.failure = Failure(FailureKind.ENGINE_AWAY, "the engine went away")
        self.rotates_to: list[LogLine] = []
        """All that is kept when the next lines are told to one that follows."""

    async def logs(
        self, container_id: str, options: LogOptions
    ) -> AsyncGenerator[list[LogLine], None]:
        self.asked.append(options)
        kept = self.lines[container_id]
        told = len(kept)
        if found := _asked_for(kept, options):
            yield found
        while options.follow and not self.ended.is_set():
            if self.breaks:
                self.breaks -= 1
                raise RuntimeFailure(self.failure)
            if len(kept) == told:
                self.written.clear()
                await self.written.wait()
            more, told = kept[told:], len(kept)
            if more and self.rotates_to:
                kept[:], self.rotates_to = self.rotates_to, []
            if more:
                yield more

    def write(self, id: str, *lines: LogLine) -> None:
        self.lines[id].extend(lines)
        self.written.set()

    def end(self) -> None:
        self.ended.set()
        self.written.set()


def _asked_for(kept: list[LogLine], options: LogOptions) -> list[LogLine]:
    tail = kept if options.tail is None else kept[len(kept) - min(options.tail, len(kept)) :]
    outputs = {"stdout": options.stdout, "stderr": options.stderr}
    return [
        one
        for one in tail
        if outputs[one.stream]
        and one.at_ns >= options.since_ns
        and (not options.until_ns or one.at_ns <= options.until_ns)
    ]


def container(id: str, restart: int) -> ContainerSeen:
    label = RunLabel(
        cluster_id="c", node_id=NodeId("n"), allocation_id=ID, restart=restart, spec=SPEC
    )
    return ContainerSeen(id=id, label=label, state=ContainerState.RUNNING)


class Reading:
    """A log being read: `texts` are the lines so far, warnings with a `!` before them."""

    def __init__(self, kept: KeptLogs, workload: Workload, **wanted: Any) -> None:
        self.clock = HandClock()
        self.changed = Wakeup()
        self.frames: list[Frame] = []
        log = AllocationLog(
            OpenStream(stream_id="s", id=ID, **wanted),
            workload,
            node="w1",
            runtime=cast(Runtime, kept),
            clock=self.clock,
        )
        self.task = asyncio.create_task(self._read(log))
        self._grown = asyncio.Condition()

    async def _read(self, log: AllocationLog) -> None:
        reader = FrameReader()
        async for data in log.frames(self.changed):
            self.frames += reader.feed(data)
            async with self._grown:
                self._grown.notify_all()

    @property
    def records(self) -> list[LogRecord]:
        lines = b"".join(frame.batch.body for frame in self.frames).splitlines()
        return [decode_view(line, LogRecord) for line in lines]

    @property
    def texts(self) -> list[str]:
        return [f"!{one.warning}" if one.warning else one.text for one in self.records]

    async def until(self, *texts: str) -> None:
        """Wait until just these lines have come."""
        async with asyncio.timeout(DEADLINE), self._grown:
            await self._grown.wait_for(lambda: len(self.texts) >= len(texts))
        assert self.texts == list(texts)

    async def end(self) -> list[str]:
        """Wait for the end, and return all lines."""
        async with asyncio.timeout(DEADLINE):
            await self.task
        assert self.frames[-1].kind is FrameKind.END
        return self.texts


def workload(*restarts: int) -> Workload:
    """With a container for each of these runs, named c0, c1, …; the last is the present one."""
    *older, current = [container(f"c{restart}", restart) for restart in restarts]
    return Workload(id=ID, spec=SPEC, older=older, current=current)


async def test_lines_say_whose_they_are_and_how_far_they_reach() -> None:
    kept = KeptLogs(c0=[line(5, "one"), line(5, "two", "stderr")])
    reading = Reading(kept, workload(0))

    assert await reading.end() == ["one", "two"]
    assert reading.records[1] == LogRecord(
        name="web.1", node="w1", at_ns=5, stream="stderr", text="two"
    )
    assert reading.frames[0].mark == Mark(out_ns=5, out_lines=1, err_ns=5, err_lines=1)
    assert reading.frames[0].batch.times == (5, 5)


async def test_what_is_followed_is_first_read_and_then_caught_up_with() -> None:
    kept = KeptLogs(c0=[line(5, "one")])
    reading = Reading(kept, workload(0), follow=True)
    await reading.until("one")
    kept.write("c0", line(6, "two"))
    await reading.until("one", "two")

    kinds = [frame.kind for frame in reading.frames]
    assert kinds == [FrameKind.LINES, FrameKind.CAUGHT_UP, FrameKind.LINES]
    assert [(one.follow, one.since_ns) for one in kept.asked] == [(False, 0), (True, 0)]
    reading.task.cancel()


async def test_following_goes_on_with_the_next_run_and_ends_with_the_allocation() -> None:
    kept = KeptLogs(c0=[line(5, "one")], c1=[line(7, "two")])
    one = workload(0)
    reading = Reading(kept, one, follow=True)
    await reading.until("one")
    one.older, one.current = [container("c0", 0)], container("c1", 1)
    kept.end()
    reading.changed.set()
    await reading.until("one", "two")
    one.verdict = Over(Phase.COMPLETED)
    reading.changed.set()

    assert await reading.end() == ["one", "two"]
    assert reading.frames[-1].mark == Mark(restart=1, out_ns=7, out_lines=1)


async def test_behind_a_mark_each_line_comes_once() -> None:
    kept = KeptLogs(c0=[line(3, "gone by")], c1=[line(5, "one"), line(5, "two"), line(6, "three")])
    reading = Reading(kept, workload(0, 1), after=Mark(restart=1, out_ns=5, out_lines=1))

    assert await reading.end() == ["two", "three"]


async def test_an_engine_that_breaks_off_is_read_again_behind_the_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_module, "RETRY_SECONDS", 0)
    kept = KeptLogs(c0=[line(5, "one")])
    kept.breaks = 1
    reading = Reading(kept, workload(0), follow=True)
    await reading.until("one", "!the engine went away")
    kept.write("c0", line(6, "two"))
    await reading.until("one", "!the engine went away", "two")
    reading.task.cancel()


async def test_the_log_of_a_container_that_is_gone_ends() -> None:
    kept = KeptLogs(c0=[line(5, "one")])
    kept.breaks, kept.failure = 1, Failure(FailureKind.REMOVED_OUTSIDE, "not there any more")
    one = workload(0)
    one.verdict = Over(Phase.FAILED)

    assert await Reading(kept, one, follow=True).end() == ["one", "!not there any more"]


async def test_nothing_is_said_of_a_log_that_breaks_off_as_its_container_is_removed() -> None:
    kept = KeptLogs(c0=[line(5, "one")])
    kept.breaks = 1
    one = workload(0)
    one.wanted, one.removed = Wanted.REMOVE, True

    assert await Reading(kept, one, follow=True).end() == ["one"]


async def test_a_reader_that_falls_behind_reads_again_and_is_told_of_what_it_lost() -> None:
    kept = KeptLogs(c0=[line(NOW_NS, "one")])
    reading = Reading(kept, workload(0), follow=True)
    await reading.until("one")
    reading.clock.advance(60)
    kept.rotates_to = [line(NOW_NS + 50_000_000_000, "fifty")]
    kept.write("c0", line(NOW_NS + 1, "two"))
    async with asyncio.timeout(DEADLINE):
        while len(reading.texts) < 4:
            await asyncio.sleep(0)

    assert [reading.texts[place] for place in (0, 1, 3)] == ["one", "two", "fifty"]
    loss = reading.records[2]
    assert loss.lost
    assert loss.warning == (
        "lines written between 2023-11-14T22:13:20.000000Z and 2023-11-14T22:14:10.000000Z are lost: "
        "the engine threw them away before they were read"
    )
    reading.task.cancel()


async def test_a_run_that_was_removed_before_it_was_read_to_its_end_is_told_of() -> None:
    kept = KeptLogs(c2=[line(9, "two")])
    reading = Reading(kept, workload(2), after=Mark(restart=1, out_ns=5, out_lines=1))

    assert await reading.end() == [
        "!the rest of what run 1 wrote is gone with its container",
        "two",
    ]
    assert reading.records[0].lost


TWO_RUNS = {
    "c0": [line(1, "a"), line(2, "b", "stderr"), line(3, "c")],
    "c1": [line(4, "d"), line(5, "e", "stderr"), line(6, "f")],
}


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        ({"tail": 0}, ""),
        ({"tail": 2}, "ef"),
        ({"tail": 3}, "def"),
        ({"tail": 4}, "cdef"),
        ({"tail": 9}, "abcdef"),
        ({"tail": 2, "stderr": False}, "df"),
        ({"tail": 3, "stderr": False}, "cdf"),
        ({"tail": 1, "stdout": False}, "e"),
        ({"tail": 2, "stdout": False}, "be"),
        ({"tail": 2, "until_ns": 4}, "cd"),
        ({"tail": 2, "since_ns": 6}, "f"),
        ({"since_ns": 2, "until_ns": 5}, "bcde"),
    ],
)
async def test_the_tail_is_that_of_all_runs_and_of_what_was_asked_for(
    wanted: dict[str, Any], texts: str
) -> None:
    kept = KeptLogs(**{id: list(lines) for id, lines in TWO_RUNS.items()})

    assert "".join(await Reading(kept, workload(0, 1), **wanted).end()) == texts


async def test_none_of_what_was_written_is_none_also_when_it_is_followed() -> None:
    kept = KeptLogs(c0=[line(5, "one")])
    reading = Reading(kept, workload(0), follow=True, tail=0)
    async with asyncio.timeout(DEADLINE):
        while len(kept.asked) < 2:
            await asyncio.sleep(0)
    kept.write("c0", line(6, "two"))
    await reading.until("two")
    reading.task.cancel()


async def test_an_allocation_without_a_container_has_no_lines() -> None:
    assert await Reading(KeptLogs(), Workload(id=ID, spec=SPEC), tail=5).end() == []
