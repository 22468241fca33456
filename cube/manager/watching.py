"""Everything that people can see, told as it changes: a snapshot, then whole views of what is new, once for all.

Invariants
- One loop makes all messages, in rounds: a view in the journal is never older than one before it, and a snapshot is
  never newer than what follows it.
- A view is made anew at most ten times a second, whatever happens to it in between; a round has a bound.
- Where nobody follows nothing is made, noted or kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import msgspec

from cube.aio.wakeup import Wakeup
from cube.core.attention import UNSTABLE, about_manager
from cube.core.effects import Effects
from cube.errors import ManagerAway, Overloaded
from cube.manager.decider import Decider
from cube.manager.doors import Core, History
from cube.manager.journal import Journal
from cube.manager.views import event_view, moment
from cube.manager.watch_views import Looks, attention_view, changes, framed, look_at
from cube.model.concern import Concern
from cube.model.event import TaskEvent
from cube.model.ids import NodeId, TaskId
from cube.wire.codec import encode_view
from cube.wire.watch import AttentionView, Beat, Skipped, Snapshot, WatchKind

JOURNAL_ITEMS = 20_000
JOURNAL_BYTES = (
    8 * 2**20
)  # some minutes of a busy cluster: who was away for longer reads a snapshot
ROUND_SECONDS = 0.1
ROUND_PER_FOLLOWER = 0.0002  # a thousand followers cost some 20 ms a round: then there are fewer
ROUND_EVENTS = 200  # more cannot be read as they pass; the history has them all
VIEWS_AT_ONCE = 50  # made in one go: about 3 ms in which nobody else gets a turn
BEAT_SECONDS = 1.0
NODES_SECONDS = 5.0  # what nodes use changes all the time, and is no event
NODES_AT_ONCE = 200
LINGER_SECONDS = 60.0  # a page that loads anew resumes instead of reading everything
EVENTS_SHOWN = 50  # in a snapshot

Id = TypeVar("Id")


class Everything(msgspec.Struct, frozen=True):
    """A snapshot ready to be sent, and the number in the journal to go on from."""

    messages: tuple[bytes, ...]
    number: int
    written: int  # bytes of the journal until then

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.messages))


class Watching:
    """Notes what changes, and tells it to followers through a journal. `run` does the work."""

    def __init__(self, decider: Decider, history: History, *, followers: int) -> None:
        self.journal = Journal(items=JOURNAL_ITEMS, size=JOURNAL_BYTES)
        self._decider = decider
        self._history = history
        self._limit = followers
        self._followers = 0
        self._boot = secrets.token_hex(4)  # the ids of a manager's earlier life mean nothing
        self._wakeup = Wakeup()
        self._awake = False
        self._left_at = 0.0
        self._tasks: dict[TaskId, None] = {}  # to be told anew, the longest waiting first
        self._nodes: dict[NodeId, None] = {}
        self._events: deque[TaskEvent] = deque(maxlen=ROUND_EVENTS)
        self._skipped = 0
        self._concerns: dict[str, Concern] = {}
        self._attention: AttentionView | None = None  # as it was last told
        self._everything: Everything | None = None
        self._wanted: asyncio.Future[Everything] | None = None
        self._lives = 0  # how often everybody had to begin again
        self._beat_at = self._nodes_at = 0.0
        self._nodes_told = 0

    def __len__(self) -> int:
        return self._followers

    # -- what happens -----------------------------------------------------------------------------------------

    def touched(self, effects: Effects) -> None:
        """Note what people may see anew. Called for every decision: where nobody follows it costs nothing."""
        if not self._awake:
            return
        writes = effects.writes
        self._tasks.update(effects.touched)
        self._tasks.update(dict.fromkeys(writes.tasks))
        self._nodes.update(dict.fromkeys(writes.nodes))
        for allocation in writes.allocations.values():
            if allocation is not None:
                self._nodes[allocation.node_id] = None
        if self._tasks or self._nodes:
            self._wakeup.set()

    def publish(self, events: Sequence[TaskEvent]) -> None:
        """Note recorded events."""
        if self._awake:
            self._skipped += max(0, len(self._events) + len(events) - ROUND_EVENTS)
            self._events.extend(events)
            self._wakeup.set()

    def start_over(self) -> None:
        """What was told may have been taken back: everybody begins again."""
        for notes in (self._tasks, self._nodes, self._events, self._concerns):
            notes.clear()
        self._skipped, self._everything, self._attention = 0, None, None
        self._lives += 1
        self.journal.start_over()

    def close(self) -> None:
        """End all who follow."""
        self.journal.close()
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_exception(ManagerAway("the manager is stopping"))

    # -- following --------------------------------------------------------------------------------------------

    @contextmanager
    def follow(self) -> Iterator[Journal]:
        """Count one more follower for as long as the block, and lend it the journal. Overloaded at the limit."""
        if self._followers >= self._limit:
            raise Overloaded(f"{self._limit} clients are watching already", hint="end one first")
        self._followers += 1
        self._awake = True
        self._wakeup.set()
        try:
            yield self.journal
        finally:
            self._followers -= 1
            self._left_at = self._decider.now().monotonic

    def resumed(self, event_id: str) -> int | None:
        """Return the number to go on from behind this message; None when that cannot be done any more."""
        boot, _, text = event_id.partition("-")
        if boot != self._boot or not (text.isascii() and text.isdigit() and len(text) <= 18):
            return None
        number = int(text) + 1
        return number if self.journal.holds(number) else None

    async def everything(self) -> Everything:
        """Return a snapshot, the same for all who ask at about the same time."""
        if self._everything is not None and self._cheaper(self._everything):
            return self._everything
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
            self._wakeup.set()
        return await asyncio.shield(self._wanted)

    def _cheaper(self, everything: Everything) -> bool:
        """Whether reading it and what came since costs less than making another."""
        since = self.journal.written - everything.written
        return self.journal.holds(everything.number) and since <= everything.size

    # -- the loop ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what changed, round after round, for as long as anybody follows."""
        self.start_over()
        while True:
            left = max(0.0, self._beat_at - self._decider.now().monotonic)
            await self._wakeup.wait(left if self._awake else None)
            if self._wanted is not None:
                await self._make_everything(self._wanted)
            now = self._decider.now()
            await self._round()
            if not self._followers and now.monotonic - self._left_at > LINGER_SECONDS:
                self._awake = False
                self.start_over()
            await asyncio.sleep(ROUND_SECONDS + self._followers * ROUND_PER_FOLLOWER)

    async def _round(self) -> None:
        """Tell what was noted, within bounds; what is left is for the next round."""
        now = self._decider.now()
        if beat := now.monotonic >= self._beat_at:
            self._beat_at = now.monotonic + BEAT_SECONDS
            self._note_usage(now.monotonic)
        events, skipped = list(self._events), self._skipped
        self._events.clear()
        self._skipped = 0
        tasks, nodes = _take(self._tasks, VIEWS_AT_ONCE), _take(self._nodes, NODES_AT_ONCE)
        looks = await self._look(tasks, nodes)
        told = [(WatchKind.EVENT, encode_view(event_view(event))) for event in events]
        if skipped:
            told.insert(0, (WatchKind.SKIPPED, encode_view(Skipped(skipped))))
        told += changes(looks) + self._changed_attention()
        if beat:
            view = Beat(at=moment(now.wall_ms), revision=looks.revision)
            told.append((WatchKind.BEAT, encode_view(view)))
        begin = self.journal.end
        self.journal.append(
            framed(kind, data, f"{self._boot}-{number}")
            for number, (kind, data) in enumerate(told, begin)
        )
        if self._tasks or self._nodes:
            self._wakeup.set()

    async def _look(self, tasks: list[TaskId], nodes: list[NodeId]) -> Looks:
        """Return how these stand on record, and take note of what is wrong with them."""

        def look(core: Core) -> tuple[Looks, list[Concern]]:
            looks = look_at(core, tasks, nodes, self._decider.now())
            doubt = self._decider.doubt
            trouble = doubt.message if doubt else ""
            return looks, about_manager(recovering=core.recovering, trouble=trouble)

        looks, wide = await self._decider.read(look)
        for id, concern in looks.concerns.items():
            if concern is None:
                self._concerns.pop(id, None)
            else:
                self._concerns[id] = concern
        for code in ("ledger", "recovering"):
            self._concerns.pop(code, None)
        self._concerns.update({concern.code: concern for concern in wide})
        return looks

    def _changed_attention(self) -> list[tuple[WatchKind, bytes]]:
        view = attention_view(self._concerns.values())
        if view == self._attention:
            return []
        self._attention = view
        return [(WatchKind.ATTENTION, encode_view(view))]

    def _note_usage(self, at: float) -> None:
        """Have some nodes told anew, all of them in turn: what they use is no event.

        With them the tasks of which only time will tell whether they run for good.
        """
        if at < self._nodes_at or not self._followers:
            return
        self._nodes_at = at + NODES_SECONDS
        nodes = self._decider.core.cluster.nodes
        begin = self._nodes_told if self._nodes_told < len(nodes) else 0
        some = list(islice(nodes, begin, begin + NODES_AT_ONCE))
        self._nodes.update(dict.fromkeys(some))
        self._nodes_told = begin + len(some)
        shaky = (one.id for one in self._concerns.values() if one.code == UNSTABLE)
        self._tasks.update((TaskId(id), None) for id in shaky)

    async def _make_everything(self, wanted: asyncio.Future[Everything]) -> None:
        """Make a snapshot in pieces. What changes meanwhile is told again behind it."""
        self._wanted = None
        try:
            life, everything = -1, Everything((), 0, 0)
            while life != self._lives:  # else some of it may have been taken back meanwhile
                life, everything = self._lives, await self._collect()
            self._everything = everything
        except BaseException as error:
            if not wanted.done():
                wanted.set_exception(ManagerAway(f"no snapshot could be made: {error!r}"))
                wanted.exception()  # whoever asked may have left
            raise
        if not wanted.done():
            wanted.set_result(everything)

    async def _collect(self) -> Everything:
        tasks, nodes = await self._decider.read(
            lambda core: (list(core.cluster.tasks), list(core.cluster.nodes))
        )
        pieces: list[tuple[list[TaskId], list[NodeId]]] = []
        pieces += [([], some) for some in _pieces(nodes)]
        pieces += [(some, []) for some in _pieces(tasks)]
        events = await self._history.events(newest=True, limit=EVENTS_SHOWN)
        messages: list[bytes] = []
        for number, (some_tasks, some_nodes) in enumerate(pieces or [([], [])], 1):
            looks = await self._look(some_tasks, some_nodes)
            last = number >= len(pieces)
            view = self._part(looks, number, max(1, len(pieces)), events if last else [])
            # Whoever breaks off before the last part has nothing to resume from.
            id = f"{self._boot}-{self.journal.end - 1}" if last else ""
            messages.append(framed(WatchKind.SNAPSHOT, encode_view(view), id))
            await asyncio.sleep(0)
        return Everything(tuple(messages), self.journal.end, self.journal.written)

    def _part(self, looks: Looks, part: int, parts: int, events: list[TaskEvent]) -> Snapshot:
        attention = attention_view(self._concerns.values()) if part == parts else None
        self._attention = self._attention or attention  # nobody was told of another yet
        return Snapshot(
            part=part,
            parts=parts,
            cluster_id=self._decider.core.cluster.id,
            revision=looks.revision,
            at=moment(self._decider.now().wall_ms),
            nodes=tuple(looks.nodes),
            tasks=tuple(looks.tasks),
            attention=attention,
            events=tuple(map(event_view, events)),
        )


def _take(marks: dict[Id, None], most: int) -> list[Id]:
    """Take the longest waiting out of the marks."""
    taken = list(islice(marks, most))
    for one in taken:
        del marks[one]
    return taken


def _pieces(ids: list[Id]) -> list[list[Id]]:
    return [ids[start : start + VIEWS_AT_ONCE] for start in range(0, len(ids), VIEWS_AT_ONCE)]
