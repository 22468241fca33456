"""The log of one allocation, from the engine to the frames that its manager merges.

Runs are told one after the other. What was written is read first, then what is being written is followed. Whatever
breaks is read again from the mark behind the last line; so is what a slow reader has fallen behind with, because the
engine throws away the oldest of a log, and one that follows it jumps over that without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from cube.aio.backoff import Backoff
from cube.aio.clock import Clock
from cube.aio.wakeup import Wakeup
from cube.core.log_marks import Progress, Resumption
from cube.core.restart import Over
from cube.core.worker.workload import Workload
from cube.model.allocation import FailureKind
from cube.model.container import ContainerSeen, ContainerState
from cube.model.ids import AllocationId, slot_name, split_allocation_id
from cube.runtime.contract import LogLine, LogOptions, Runtime, RuntimeFailure
from cube.wire.codec import encode_views
from cube.wire.log_frames import FrameKind, encode_frame
from cube.wire.messages import OpenStream
from cube.wire.views import LogRecord

BEHIND_SECONDS = 10.0
"""A line that is older when it is read: its reader is slow, and what it has not read may be thrown away."""

RETRY_SECONDS, RETRY_LONGEST = 0.2, 5.0  # of an engine that is being restarted


class Followers:
    """Who waits for the next container of an allocation."""

    def __init__(self) -> None:
        self._wakeups: dict[AllocationId, set[Wakeup]] = {}

    def changed(self, id: AllocationId) -> None:
        """Let those who follow this allocation look whether it has another container now."""
        for wakeup in self._wakeups.get(id, ()):
            wakeup.set()

    def enter(self, id: AllocationId) -> Wakeup:
        """Return what is set at each change, until `leave`."""
        wakeup = Wakeup()
        self._wakeups.setdefault(id, set()).add(wakeup)
        return wakeup

    def leave(self, id: AllocationId, wakeup: Wakeup) -> None:
        """Hear no more."""
        followers = self._wakeups.get(id, set())
        followers.discard(wakeup)
        if not followers:
            self._wakeups.pop(id, None)


class AllocationLog:
    """One reading of the log of one allocation."""

    def __init__(
        self, wanted: OpenStream, workload: Workload, *, node: str, runtime: Runtime, clock: Clock
    ) -> None:
        assert workload.spec is not None
        _, slot, generation = split_allocation_id(workload.id)
        self._wanted = wanted
        self._workload = workload
        self._node = node
        self._name = slot_name(workload.spec.name, slot)
        self._generation = generation
        self._runtime = runtime
        self._clock = clock
        self._progress = Progress(wanted.after)
        self._caught_up = False
        self._is_behind = False

    async def frames(self, changed: Wakeup) -> AsyncGenerator[bytes]:
        """Yield the log of all runs still kept here, oldest first, then, to follow, of those to come."""
        wanted, workload = self._wanted, self._workload
        shares = {} if wanted.after else await self._shares()
        told: set[str] = set()
        if gone := self._gone():
            yield self._complaint(gone, lost=True)
        while True:
            for seen in _untold(workload, told):
                told.add(seen.id)
                if wanted.after is None or seen.label.restart >= wanted.after.restart:
                    async with aclosing(self._run(seen, shares.get(seen.id))) as frames:
                        async for frame in frames:
                            yield frame
            if not wanted.follow or _is_over(workload):
                break
            for frame in self._catch_up():
                yield frame
            await changed.wait()
        yield encode_frame(FrameKind.END, self._progress.mark)

    def _gone(self) -> str:
        """Say that the run in which reading broke off was removed meanwhile; empty when it is there."""
        after = self._wanted.after
        kept = {seen.label.restart for seen in self._workload.containers}
        if after is None or not after.newest_ns or not kept or min(kept) <= after.restart:
            return ""
        return f"the rest of what run {after.restart} wrote is gone with its container"

    async def _run(self, seen: ContainerSeen, share: _Share | None) -> AsyncGenerator[bytes]:
        """Tell one run: what was written, then what is being written if it is the present one."""
        self._progress.begin_run(seen.label.restart)
        follow = self._wanted.follow and _is_current(self._workload, seen)
        following = False
        pause = Backoff(RETRY_SECONDS, RETRY_LONGEST)
        while True:
            try:
                async with aclosing(self._reading(seen, share, follow=following)) as frames:
                    async for frame in frames:
                        yield frame
                if not follow or (following and not self._is_behind):
                    return
                if (
                    share and share.tail != 0
                ):  # none of what was written: also not by the next reading
                    share = None
                following = not following
                if following:
                    for frame in self._catch_up():
                        yield frame
            except RuntimeFailure as failure:
                if self._workload.removing:  # the engine refuses the log of what it is removing
                    return
                yield self._complaint(failure.message)
                if not follow or failure.kind is FailureKind.REMOVED_OUTSIDE:
                    return
                following = False
                await asyncio.sleep(pause.next())

    async def _reading(
        self, seen: ContainerSeen, share: _Share | None, *, follow: bool
    ) -> AsyncGenerator[bytes]:
        """Read the engine's log behind the mark once; while following until its reader has fallen behind."""
        self._is_behind = False
        mark = self._progress.mark
        resumption = Resumption(mark) if mark.newest_ns else None
        since_ns = max(self._wanted.since_ns, resumption.since_ns if resumption else 0)
        share = share if share and not resumption else _Share()
        options = _options(self._wanted, since_ns, share.tail, follow=follow)
        left_out = share.left_out
        began = self._clock.now().monotonic
        async with aclosing(self._runtime.logs(seen.id, options)) as batches:
            async for lines in batches:
                if resumption is not None:
                    lines = resumption.unread(lines)
                    if resumption.lost:
                        yield self._complaint(_loss(mark.newest_ns, lines[0].at_ns), lost=True)
                    resumption = resumption if not lines else None
                elif left_out:
                    lines, left_out = lines[left_out:], max(left_out - len(lines), 0)
                if lines:
                    yield self._frame(seen, lines)
                    now = self._clock.now()
                    behind_seconds = now.wall_ms / 1000 - lines[-1].at_ns / 1e9
                    if follow and min(behind_seconds, now.monotonic - began) > BEHIND_SECONDS:
                        self._is_behind = True
                        return

    def _frame(self, seen: ContainerSeen, lines: Sequence[LogLine]) -> bytes:
        times = self._progress.take(lines)
        body = encode_views(
            [
                LogRecord(
                    name=self._name,
                    node=self._node,
                    at_ns=line.at_ns,
                    stream=line.stream,
                    text=line.text,
                    partial=line.partial,
                    generation=self._generation,
                    restart=seen.label.restart,
                )
                for line in lines
            ]
        )
        return encode_frame(FrameKind.LINES, self._progress.mark, times, body)

    def _catch_up(self) -> Iterator[bytes]:
        if not self._caught_up:
            self._caught_up = True
            yield encode_frame(FrameKind.CAUGHT_UP, self._progress.mark)

    def _complaint(self, message: str, *, lost: bool = False) -> bytes:
        record = LogRecord(
            name=self._name,
            node=self._node,
            generation=self._generation,
            warning=message,
            lost=lost,
        )
        times = [self._progress.latest]
        return encode_frame(FrameKind.LINES, self._progress.mark, times, encode_views([record]))

    async def _shares(self) -> dict[str, _Share]:
        """How many of the last lines each run contributes, so that all together are the tail asked for."""
        shares: dict[str, _Share] = {}
        left = self._wanted.tail
        if left is None:
            return shares
        runs = list(reversed(_untold(self._workload, set())))  # the newest first
        for seen in runs:
            # The engine counts before it leaves out an output or what is too new.
            if self._takes_all or not left:
                shares[seen.id] = _Share(tail=left)
                left -= await self._count(seen, left) if left and seen is not runs[-1] else 0
            else:
                count = await self._count(seen, None)
                shares[seen.id] = _Share(left_out=max(count - left, 0))
                left = max(left - count, 0)
        return shares

    @property
    def _takes_all(self) -> bool:
        wanted = self._wanted
        return wanted.stdout and wanted.stderr and not wanted.until_ns

    async def _count(self, seen: ContainerSeen, tail: int | None) -> int:
        options = _options(self._wanted, self._wanted.since_ns, tail, follow=False)
        count = 0
        try:
            async with aclosing(self._runtime.logs(seen.id, options)) as batches:
                async for lines in batches:
                    count += len(lines)
        except RuntimeFailure:
            pass  # told when it is read
        return count


class _Share(msgspec.Struct, frozen=True):
    """What one run contributes to a tail: what the engine is to count, or how many lines to leave out."""

    tail: int | None = None
    left_out: int = 0


def _options(wanted: OpenStream, since_ns: int, tail: int | None, *, follow: bool) -> LogOptions:
    return LogOptions(
        follow=follow,
        tail=tail,
        since_ns=since_ns,
        until_ns=wanted.until_ns,
        stdout=wanted.stdout,
        stderr=wanted.stderr,
    )


def _untold(workload: Workload, told: set[str]) -> list[ContainerSeen]:
    """The containers that have run and were not told yet, the oldest first."""
    return [
        seen
        for seen in reversed(workload.containers)
        if seen.id not in told and seen.state is not ContainerState.CREATED
    ]


def _is_current(workload: Workload, seen: ContainerSeen) -> bool:
    # By id: a newer view of the same container may have come meanwhile.
    return workload.current is not None and workload.current.id == seen.id


def _is_over(workload: Workload) -> bool:
    return workload.removed or isinstance(workload.verdict, Over)


def _loss(from_ns: int, to_ns: int) -> str:
    return (
        f"lines written between {_moment(from_ns)} and {_moment(to_ns)} are lost: "
        "the engine threw them away before they were read"
    )


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
