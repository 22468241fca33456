"""The commit loop: the core decides, the ledger records, and only then does anybody hear of it.

Invariants
- Decisions are made one at a time, on the event loop, and recorded in the order they were made.
- What a decision says (answer, orders, events) leaves in that order, and never before it is recorded.
- When a record fails, memory is ahead of the ledger: nothing more is decided until the core was built anew from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import TypeVar

from cube.aio.clock import Clock
from cube.aio.wakeup import Wakeup
from cube.core.effects import Answer, Effects, Held, Snapshot, Writes
from cube.core.inputs import Input, Renew, Tick
from cube.errors import CubeError, LedgerBroken, LedgerFull, Overloaded
from cube.manager.doors import Beside, Core, Listener, Recorder
from cube.model.timing import Instant

log = logging.getLogger(__name__)

PLANNING_LEAD = 32  # decisions on their way to the disk beyond which planning ahead waits for it
READING_TURNS = 3
"""Turns of the event loop from a message that waits in its socket to its decision: poll, read, wake its listener.
However long a turn takes: what a busy manager has not read yet is held against no worker."""
EASY_TURN = 0.01  # a turn of the loop in which nobody has much to do is shorter by far
LONGEST_PAUSE = 0.5  # a node that is overdue is not to wait for its verdict
TOLD_AT_ONCE = 0.01  # seconds: the records of a thousand decisions come back together, and others have the next turn
FULL_PAUSE = 1.0  # after a full disk: how long to spare it before the next change is tried

Seen = TypeVar("Seen")

_PASSING = (LedgerFull, Overloaded)  # nothing was recorded, and later something can be again


class DecisionFailed(CubeError):
    """A fault of the core itself: what it had begun to change is not to be trusted."""


class _Decision:
    """One that was made and is not told yet. `recorded` is None where there was nothing to record."""

    __slots__ = ("answers", "effects", "recorded", "then", "told")

    def __init__(
        self,
        answers: list[Answer],
        effects: Effects,
        recorded: asyncio.Future[None] | None,
        then: Callable[[Effects], None] | None,
        told: asyncio.Future[list[Answer]],
    ) -> None:
        self.answers = answers
        self.effects = effects
        self.recorded = recorded
        self.then = then
        self.told = told


class Decider:
    """Owns the core: every input goes through it, every look at the cluster too."""

    def __init__(
        self,
        snapshot: Snapshot,
        build: Callable[[Snapshot, Instant], Core],
        ledger: Recorder,
        clock: Clock,
        listener: Listener,
        decided: Callable[[float], None] | None = None,
    ) -> None:
        """`decided` is told how long each decision took (seconds)."""
        self._build = build
        self._ledger = ledger
        self._clock = clock
        self._listener = listener
        self._decided = decided
        self._loop = asyncio.get_running_loop()
        self._untold: deque[_Decision] = deque()
        self._tells_on = False  # in the next turn of the loop
        self._doubt: CubeError | None = None  # why nothing can be decided now
        self._trustworthy = asyncio.Event()  # memory holds nothing the ledger will never hold
        self._trustworthy.set()
        self._wakeup = Wakeup()
        self._look_again_at: float | None = None
        self._asleep_until: float | None = 0.0  # None: for ever
        self._more = True  # whatever the ledger held may want planning
        self._turns = deque([-inf] * (READING_TURNS + 1), maxlen=READING_TURNS + 1)
        self.core = build(snapshot, clock.now())
        self.failed: asyncio.Future[None] = self._loop.create_future()

    # -- deciding ---------------------------------------------------------------------------------------------

    async def decide(self, input: Input) -> Answer:
        """Decide and return the answer once it is recorded. Cancelling takes nothing back."""
        return (await self.post([input]))[0]

    def post(
        self,
        inputs: Sequence[Input],
        *,
        record: Callable[[list[Answer]], Beside] | None = None,
        then: Callable[[Effects], None] | None = None,
    ) -> asyncio.Future[list[Answer]]:
        """Decide at once, in one transaction, and return the answers-to-be.

        `record` sees the answers and the cluster as decided, and what it returns is recorded with them. `then` is
        called in the order of the records, just before the decision's own orders go out. LedgerFull where there was
        no room: nothing was changed. Nobody has to wait for the result.
        """
        return self._decide(inputs, record, then).told

    def renew(self, lease: Renew) -> Held:
        """Take a lease in and say at once whether the session is the node's present one. Leases are not recorded."""
        answers = self._decide([lease], None, None).answers
        return answers[0] if answers and isinstance(answers[0], Held) else Held(current=False)

    async def read(self, look: Callable[[Core], Seen]) -> Seen:
        """Return what `look` sees, once all it may have seen is recorded."""
        while True:
            await self._trustworthy.wait()
            seen = look(self.core)
            try:
                await self.settled()
            except _PASSING:
                continue  # it may have seen what was taken back
            return seen

    async def settled(self) -> None:
        """Return when every decision made so far is recorded and told."""
        if self._untold:
            told: asyncio.Future[list[Answer]] = self._loop.create_future()
            self._untold.append(_Decision([], Effects(writes=Writes()), None, None, told))
            await told

    def now(self) -> Instant:
        """Return this instant by the clock that decisions go by."""
        return self._clock.now()

    @property
    def in_flight(self) -> int:
        """How many decisions are not told yet."""
        return len(self._untold)

    @property
    def doubt(self) -> CubeError | None:
        """Why no change can be taken now; None in good times."""
        return self._doubt

    def _decide(
        self,
        inputs: Sequence[Input],
        record: Callable[[list[Answer]], Beside] | None,
        then: Callable[[Effects], None] | None,
    ) -> _Decision:
        if self._doubt is not None:
            return self._undecided(self._doubt)
        began = self._loop.time()
        try:
            answers, effects = self._handle(inputs)
            beside = record(answers) if record is not None else Beside()
        except Exception as error:
            self._distrust(DecisionFailed(f"a decision failed: {error!r}"), error)
            return self._undecided(
                DecisionFailed("the manager failed at this; nothing was changed")
            )
        if self._decided is not None:
            self._decided(self._loop.time() - began)
        recorded = None
        if effects.writes or beside:
            recorded = self._ledger.commit(effects.writes, beside.request, beside.audit)
            recorded.add_done_callback(self._on_recorded)
        decision = _Decision(answers, effects, recorded, then, self._loop.create_future())
        self._untold.append(decision)
        if recorded is None and not self._tells_on:
            self._tell_recorded()
        return decision

    def _undecided(self, reason: CubeError) -> _Decision:
        decision = _Decision([], Effects(writes=Writes()), None, None, self._loop.create_future())
        _fail(decision.told, reason)
        return decision

    def _handle(self, inputs: Sequence[Input]) -> tuple[list[Answer], Effects]:
        now = self._clock.now()
        whole = self.core.handle(inputs[0], now)
        answers = [whole.answer]
        for input in inputs[1:]:
            effects = self.core.handle(input, now)
            answers.append(effects.answer)
            whole.absorb(effects)
        self._set_timer(whole)
        return answers, whole

    # -- telling ----------------------------------------------------------------------------------------------

    def _on_recorded(self, recorded: asyncio.Future[None]) -> None:
        if recorded.cancelled():
            error: BaseException | None = LedgerBroken("the ledger was closed")
        else:
            error = recorded.exception()
        if error is None:
            if not self._tells_on:
                self._tell_recorded()
        elif not isinstance(error, _PASSING):
            self._distrust(error if isinstance(error, CubeError) else LedgerBroken(repr(error)))
        elif not isinstance(self._doubt, _PASSING):  # the first of those that could not be recorded
            self._distrust(error)

    def _tell_recorded(self, *, all: bool = False) -> None:
        """Tell what is recorded; unless `all` is wanted, what is left of very much in the next turn of the loop."""
        until = inf if all else self._loop.time() + TOLD_AT_ONCE
        while self._untold:
            head = self._untold[0]
            if head.recorded is not None:
                if not head.recorded.done():
                    return
                if head.recorded.cancelled() or head.recorded.exception() is not None:
                    return  # its own callback is about to come
            self._untold.popleft()
            self._tell(head)
            if self._loop.time() > until:
                self._tells_on = True
                self._loop.call_soon(self._tell_on)
                return

    def _tell_on(self) -> None:
        self._tells_on = False
        self._tell_recorded()

    def _tell(self, decision: _Decision) -> None:
        if not decision.told.done():
            decision.told.set_result(decision.answers)
        effects = decision.effects
        if decision.then is not None:
            decision.then(effects)
        for node_id, orders in effects.orders.items():
            self._listener.deliver(node_id, orders)
        if effects.writes.events:
            self._listener.publish(effects.writes.events)
        self._listener.touched(effects)

    # -- the core's own time ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Give the core its ticks, and build it anew when it is in doubt. Ends when `failed` tells why."""
        while not self.failed.done():
            await self._wakeup.wait(self._rest())
            await self._let_others_go_first()
            self._turns.append(self._clock.now().monotonic)
            if self._doubt is not None:
                await self._rebuild()
            elif self._rest() == 0:
                self._more, self._look_again_at = False, None
                self.post([Tick(heard_until=self._turns[0])])
                if len(self._untold) > PLANNING_LEAD:
                    await self._caught_up()

    async def _let_others_go_first(self) -> None:
        """Give everybody else a turn of the loop, and once more as long as they took where that was long.

        A core that always wants more must not keep others from the loop. What it plans makes work for everybody: to
        plan on while they have their hands full would only make the turns of the loop longer.
        """
        began = self._loop.time()
        await asyncio.sleep(0)
        took = self._loop.time() - began
        if took > EASY_TURN:
            await asyncio.sleep(min(took, LONGEST_PAUSE))

    async def _caught_up(self) -> None:
        with suppress(CubeError):  # the loop looks at the doubt itself
            await self.settled()

    def _rest(self) -> float | None:
        """How long nothing is to be done: seconds, None for ever."""
        if self._more or self._doubt is not None:
            self._asleep_until = 0.0
            return 0
        self._asleep_until = self._look_again_at
        if self._look_again_at is None:
            return None
        return max(0.0, self._look_again_at - self._clock.now().monotonic)

    def _set_timer(self, effects: Effects) -> None:
        at = self._look_again_at = effects.look_again_at
        self._more = self._more or effects.more
        until = self._asleep_until
        if self._more or (at is not None and (until is None or at < until)):
            self._wakeup.set()

    # -- doubt ------------------------------------------------------------------------------------------------

    def _distrust(self, reason: CubeError, cause: BaseException | None = None) -> None:
        """Memory is no longer what the ledger holds. Whoever still waits is told so."""
        log.error("nothing can be decided: %s", reason, exc_info=cause)
        self._doubt = reason
        self._trustworthy.clear()
        if not isinstance(reason, DecisionFailed):
            self._tell_recorded(all=True)
            while self._untold:  # none of these was or will be recorded
                _fail(self._untold.popleft().told, reason)
            if not isinstance(reason, _PASSING):
                self._end(reason)
        self._wakeup.set()

    def _end(self, reason: CubeError) -> None:
        if not self.failed.done():
            self.failed.set_exception(reason)
            self.failed.exception()  # so that nobody has to ask; who awaits it gets it all the same

    async def _rebuild(self) -> None:
        """Show what the ledger holds, and decide on from it as soon as it takes changes again."""
        try:
            if not self._trustworthy.is_set():
                await (
                    self._caught_up()
                )  # after a failed decision, those before it are still being recorded
                self._begin_from(await self._ledger.load())  # works on a full disk, too
                self._listener.start_over()
            await asyncio.sleep(FULL_PAUSE)
            recover = isinstance(self._doubt, _PASSING)
            snapshot = await (self._ledger.recover() if recover else self._ledger.load())
        except _PASSING:
            return None  # the caller comes back here for as long as there is a doubt
        except CubeError as error:
            return self._end(error)
        # Once more: nobody was heard since the first time, and every node is to have a fresh lease.
        self._begin_from(snapshot)
        self._doubt, self._more = None, True
        log.warning("decisions go on from revision %d", snapshot.revision)

    def _begin_from(self, snapshot: Snapshot) -> None:
        self.core = self._build(snapshot, self._clock.now())
        self._trustworthy.set()


def _fail(told: asyncio.Future[list[Answer]], error: CubeError) -> None:
    if not told.done():
        told.set_exception(error)
        told.exception()  # nobody has to ask; do not call it forgotten
