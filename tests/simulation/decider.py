"""The manager's commit loop, after `cube.manager.decider`: decide, record, and only then let anybody hear of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from cube.core.effects import Answer, Effects, Held, Snapshot, Writes
from cube.core.inputs import Input, Renew, Tick
from cube.core.manager import ManagerCore
from cube.manager.decider import FULL_PAUSE
from cube.model.ids import NodeId
from cube.model.orders import Order
from cube.model.timing import Instant
from tests.simulation.ledger import Commit, Ledger, Reply
from tests.simulation.schedule import Process
from tests.simulation.witness import Witness

Build = Callable[[Snapshot, Instant], ManagerCore]
Record = Callable[[list[Answer]], tuple[str, Reply] | None]


class Decision:
    """One that was made and is not told yet."""

    __slots__ = ("answers", "effects", "failed", "recorded", "then", "told")

    def __init__(
        self,
        answers: list[Answer],
        effects: Effects,
        told: Callable[[list[Answer]], None] | None,
        failed: Callable[[], None] | None,
        then: Callable[[Effects], None] | None,
    ) -> None:
        self.answers = answers
        self.effects = effects
        self.recorded = True
        self.told = told
        self.failed = failed
        self.then = then


class Decider:
    """Owns the core: every input goes through it."""

    def __init__(
        self,
        process: Process,
        ledger: Ledger,
        build: Build,
        witness: Witness,
        *,
        deliver: Callable[[NodeId, list[Order]], None],
        start_over: Callable[[], None],
    ) -> None:
        self._process = process
        self._ledger = ledger
        self._build = build
        self._witness = witness
        self._deliver = deliver
        self._start_over = start_over
        self._untold: deque[Decision] = deque()
        self._in_doubt = False
        self._more = True
        self._look_at: float | None = None
        self._armed: float | None = None
        self.core = self._begin_from(ledger.open())
        self._arm()

    # -- deciding -----------------------------------------------------------------------------------------------

    def post(
        self,
        inputs: Sequence[Input],
        *,
        told: Callable[[list[Answer]], None] | None = None,
        failed: Callable[[], None] | None = None,
        record: Record | None = None,
        then: Callable[[Effects], None] | None = None,
        cause: str = "",
    ) -> None:
        """Decide at once, in one transaction; `told` hears the answers when it is recorded, `failed` if it never is."""
        if self._in_doubt:
            if failed is not None:
                failed()
            return
        answers, effects = self._handle(inputs)
        self._queue(Decision(answers, effects, told, failed, then), record, cause)

    def renew(self, lease: Renew) -> bool:
        """Take a lease in and say at once whether the session is the node's present one."""
        if self._in_doubt:
            return False
        answers, effects = self._handle([lease])
        self._queue(Decision(answers, effects, None, None, None), None, "")
        return isinstance(answers[0], Held) and answers[0].current

    def settled(self, told: Callable[[], None], failed: Callable[[], None]) -> None:
        """Call back when every decision made so far is recorded and told."""
        if self._untold:
            nothing = Effects(writes=Writes())
            self._untold.append(Decision([], nothing, lambda _: told(), failed, None))
        else:
            told()

    @property
    def idle(self) -> bool:
        """Whether all that was decided is told."""
        return not self._untold and not self._in_doubt

    def _handle(self, inputs: Sequence[Input]) -> tuple[list[Answer], Effects]:
        now = self._process.clock.now()
        [told] = inputs
        self._witness.about_to_decide(self.core, told)
        effects = self.core.handle(told, now)
        self._witness.manager_decided(self.core, told, effects)
        self._more = self._more or effects.more
        self._look_at = effects.look_again_at
        self._arm()
        return [effects.answer], effects

    def _queue(self, decision: Decision, record: Record | None, cause: str) -> None:
        request = record(decision.answers) if record is not None else None
        writes = decision.effects.writes
        self._untold.append(decision)
        if writes or request is not None:
            decision.recorded = False
            self._commit(decision, Commit(writes, request, cause, lambda: None, lambda: None))
        else:
            self._tell_recorded()

    def _commit(self, decision: Decision, commit: Commit) -> None:
        core = self.core

        def done() -> None:
            decision.recorded = True
            self._tell_recorded()

        def failed() -> None:
            if core is self.core and not self._in_doubt:
                self._distrust()

        commit.done, commit.failed = done, failed
        self._ledger.commit(self._process, commit)

    # -- telling ------------------------------------------------------------------------------------------------

    def _tell_recorded(self) -> None:
        while self._untold and self._untold[0].recorded:
            self._tell(self._untold.popleft())

    def _tell(self, decision: Decision) -> None:
        if decision.told is not None:
            decision.told(decision.answers)
        if decision.then is not None:
            decision.then(decision.effects)
        for node_id, orders in decision.effects.orders.items():
            self._deliver(node_id, orders)

    # -- the core's own time ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        schedule = self._process.schedule
        if self._more:
            when = schedule.now
        elif self._look_at is not None:
            when = max(schedule.now, self._process.clock.due(self._look_at))
        else:
            return
        if self._armed is None or when < self._armed:
            self._armed = when
            self._process.at(when, self._wake, when)

    def _wake(self, when: float) -> None:
        if when != self._armed:
            return
        self._armed = None
        if self._in_doubt:
            return
        late = self._look_at is not None and self._process.clock.monotonic() >= self._look_at
        if self._more or late:
            self._more, self._look_at = False, None
            self.post([Tick()])
        else:
            self._arm()

    # -- doubt --------------------------------------------------------------------------------------------------

    def _distrust(self) -> None:
        """Memory is no longer what the ledger holds. Whoever still waits is told so."""
        self._in_doubt = True
        untold, self._untold = self._untold, deque()
        for decision in untold:
            if decision.failed is not None:
                decision.failed()
        self.core = self._begin_from(self._ledger.load())
        self._start_over()
        self._process.after(FULL_PAUSE, self._rebuild)

    def _rebuild(self) -> None:
        if not self._ledger.recover():
            return self._process.after(FULL_PAUSE, self._rebuild)
        self.core = self._begin_from(self._ledger.load())
        self._in_doubt, self._more = False, True
        self._arm()

    def _begin_from(self, snapshot: Snapshot) -> ManagerCore:
        core = self._build(snapshot, self._process.clock.now())
        self._witness.manager_begins(core)
        return core
