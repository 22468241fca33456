"""Whose logs one reader is brought: asks workers for them, and asks again where one breaks off.

A log that broke off is gone on with behind the last line that came, by whichever process of the worker is there then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cube.core.cluster import Cluster
from cube.core.summary import state_of
from cube.errors import Overloaded
from cube.manager.log_gathering import BROKE_OFF, LogGathering, Over
from cube.manager.session import Session, Sessions
from cube.model.allocation import Allocation, Phase
from cube.model.ids import AllocationId, NodeId, TaskId, slot_name
from cube.model.logs import Mark
from cube.model.task import TaskState
from cube.wire.codec import encode_view
from cube.wire.log_marks import Place
from cube.wire.messages import OpenStream
from cube.wire.views import LogRecord

AWAY_SECONDS = 3.0
"""A worker that restarts is back sooner: nothing is said of it. One without a session for so long brings nothing."""
RETURN_SECONDS = 10.0  # for so long a reader that does not follow waits for a worker that broke off
ASK_AGAIN = 1.0
_ENDED = (TaskState.COMPLETED, TaskState.FAILED)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines somebody wants. With `after` he has read some before, and `tail` is of no meaning."""

    follow: bool = False
    tail: int | None = None
    since_ns: int = 0
    until_ns: int = 0
    stdout: bool = True
    stderr: bool = True
    after: Mapping[Place, Mark] = {}


class _Source(msgspec.Struct, kw_only=True):
    """The log of one allocation, from the first asking to its end."""

    place: Place
    name: str
    node_id: NodeId
    node: str
    tail: int | None
    stream_id: str = ""  # empty: not open
    session: Session | None = None  # through which it was asked for last; None: never
    missed_since: float | None = None  # None: its worker has a session
    ask_at: float = 0.0
    complained: str = ""
    done: bool = False


class LogSources:
    """The logs of one task for one reader. Times are monotonic seconds."""

    def __init__(
        self, task_id: TaskId, wish: Wish, gathering: LogGathering, sessions: Sessions
    ) -> None:
        self._wish = wish
        self._task_id = task_id
        self._gathering = gathering
        self._sessions = sessions
        self._sources: dict[AllocationId, _Source] = {}
        self._first = True

    def tend(self, cluster: Cluster, now: float) -> bytes:
        """Ask for every log that should be open and is not; return warnings for those that cannot be had."""
        there = {one.id: one for one in _with_logs(cluster, self._task_id)}
        for id, allocation in there.items():
            if id not in self._sources and (self._first or self._wish.follow):
                self._sources[id] = self._found(allocation, cluster)
        self._first = False
        return b"".join(
            warning
            for id, source in self._sources.items()
            if not source.done
            for warning in self._tend(id, source, id in there, now)
        )

    def over(self, over: Over, now: float) -> bytes:
        """Take note that a stream has ended: for good, or to be asked for again. Return a warning, maybe none."""
        for source in self._sources.values():
            if source.stream_id == over.stream_id:
                source.stream_id = ""
                again = over.problem == BROKE_OFF or (over.problem and self._wish.follow)
                source.done = not again
                source.ask_at = now + ASK_AGAIN
                return b"" if over.problem == BROKE_OFF else _complaint(source, over.problem)
        return b""

    @property
    def restless(self) -> bool:
        """Whether something is to be looked at again soon."""
        return any(
            not (one.done or self._gathering.arrived(one.stream_id))
            for one in self._sources.values()
        )

    def finished(self, cluster: Cluster) -> bool:
        """Whether no line will come any more."""
        waits = (not one.done and one.missed_since is None for one in self._sources.values())
        if not self._gathering.empty or any(waits):
            return False
        if not self._wish.follow:
            return all(one.done for one in self._sources.values())
        task = cluster.tasks.get(self._task_id)
        return task is None or state_of(task, cluster.rosters[task.id]) in _ENDED

    def farewell(self) -> bytes:
        """Return warnings for what was not read to its end."""
        left = [one for one in self._sources.values() if not one.done]
        return b"".join(_complaint(one, _away(one)) for one in left)

    def _found(self, allocation: Allocation, cluster: Cluster) -> _Source:
        node = cluster.nodes.get(allocation.node_id)
        begins = self._first and not self._wish.after
        return _Source(
            place=(allocation.slot, allocation.generation),
            name=slot_name(cluster.tasks[allocation.task_id].name, allocation.slot),
            node_id=allocation.node_id,
            node=node.name if node else allocation.node_id,
            tail=self._wish.tail if begins else None,
        )

    def _tend(self, id: AllocationId, source: _Source, there: bool, now: float) -> Iterator[bytes]:
        session = self._sessions.of(source.node_id)
        if session is not None:
            source.missed_since = None
        elif source.missed_since is None:
            source.missed_since = now
        if source.stream_id and (session is source.session or self._may_return(source, now)):
            return
        if source.stream_id:  # by a connection or a process that is no more
            self._gathering.end(source.stream_id, BROKE_OFF)
            source.stream_id = ""
        if not there:
            source.done = True
        elif session is None:
            yield from self._miss(source, now)
        elif now >= source.ask_at or session is not source.session:
            yield from self._ask(id, source, session, now)

    def _may_return(self, source: _Source, now: float) -> bool:
        return source.missed_since is not None and now - source.missed_since < AWAY_SECONDS

    def _miss(self, source: _Source, now: float) -> Iterator[bytes]:
        """Say that the worker is away; at once where it was from the beginning."""
        began = source.session is not None
        if began and self._may_return(source, now):
            return
        missed = now - (source.missed_since or now)
        source.done = not self._wish.follow and (not began or missed >= RETURN_SECONDS)
        if source.done or self._wish.follow:
            yield _complaint(source, _away(source))

    def _ask(
        self, id: AllocationId, source: _Source, session: Session, now: float
    ) -> Iterator[bytes]:
        try:
            stream_id = self._gathering.expect(id)
        except Overloaded as error:
            source.done = not self._wish.follow
            source.ask_at = now + ASK_AGAIN
            yield _complaint(source, error.message)
            return
        wish = self._wish
        after = self._gathering.marks.get(id) or wish.after.get(source.place)
        source.stream_id, source.session = stream_id, session
        session.say(
            OpenStream(
                stream_id=stream_id,
                id=id,
                follow=wish.follow,
                tail=None if after else source.tail,
                since_ns=wish.since_ns,
                until_ns=wish.until_ns,
                stdout=wish.stdout,
                stderr=wish.stderr,
                after=after,
            )
        )


def _with_logs(cluster: Cluster, task_id: TaskId) -> Iterator[Allocation]:
    """Yield the allocations of which a container may still be there to be read."""
    roster = cluster.rosters.get(task_id)
    for _, slot in sorted(roster.slots.items() if roster else []):
        for allocation in slot.every:
            seen = allocation.observed
            if (seen.container_id or seen.phase >= Phase.RUNNING) and not allocation.gone:
                yield allocation


def _away(source: _Source) -> str:
    return f"node {source.node} is not connected"


def _complaint(source: _Source, problem: str) -> bytes:
    """Return the warning, unless it was the last thing said of this log."""
    if not problem or source.complained == problem:
        return b""
    source.complained = problem
    _, generation = source.place
    record = LogRecord(name=source.name, node=source.node, generation=generation, warning=problem)
    return encode_view(record) + b"\n"
