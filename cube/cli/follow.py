"""Following a task to a verdict. Pure: views and seconds in; lines for people and an exit code out.

Everything is judged from whole views, so a view that was missed or came twice changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from cube.cli.exits import Exit
from cube.cli.tables import phase_word, present, state_word
from cube.cli.words import duration
from cube.core.words import plural
from cube.model.allocation import FailureKind, Health
from cube.model.task import Goal, TaskState
from cube.wire.views import AllocationView, SlotView, TaskView

GRACE_SECONDS = 2.0
"""The planner answers in milliseconds; a worker that reconnects needs one second."""
SETTLE_SECONDS = 1.0  # without a health check, what survives its first second is taken to run
LOOP_RESTARTS = 3  # one restart may be a race at start, three are a habit
REMINDER_SECONDS = 30.0
ENDED = frozenset({"completed", "failed"})


class Verdict(NamedTuple):
    """How it ended: exit code, one sentence, and the slot whose log explains it (empty: none)."""

    exit: Exit
    message: str
    slot: str = ""


Seen = TypeVar("Seen", contravariant=True)


class Follower(Protocol[Seen]):
    """What the shell of a waiting command asks."""

    verdict: Verdict | None

    def see(self, task: Seen | None, now: float) -> list[str]:
        """Take in a view (None: it is no more); return what changed, a line each."""

    def tick(self, now: float) -> list[str]:
        """Judge again because time has passed."""


class _Following(ABC):
    """What all of them share: the newest view, what was told of it, and how long it may take."""

    def __init__(self, now: float, timeout: float | None) -> None:
        self.verdict: Verdict | None = None
        self._patience = _Patience(now, timeout)
        self._story = _Story()
        self._task: TaskView | None = None

    def see(self, task: TaskView | None, now: float) -> list[str]:
        """Take in a view; return what changed."""
        self._task = task
        self.verdict = self.verdict or self._end(task)
        if self.verdict or task is None:
            return []
        return self._story.changes(task) + self.tick(now)

    def tick(self, now: float) -> list[str]:
        """Judge the last view at this second."""
        if self._task is None or self.verdict is not None:
            return []
        self.verdict = self._judge(self._task, now)
        return [] if self.verdict else self._patience.reminder(self._task, now)

    def _end(self, task: TaskView | None) -> Verdict | None:
        """Return the verdict that needs no further look."""
        return None if task else Verdict(Exit.FAILED, "the task was removed by someone else")

    @abstractmethod
    def _judge(self, task: TaskView, now: float) -> Verdict | None:
        """Return the verdict at this second, None while it is open."""


class Deployment(_Following):
    """Follows a task until it does what was asked of it, or cannot.

    `replaced` are the allocations that are to give way: they neither prove success nor failure. `healthy`: running is
    not enough, its health check has to say so.
    """

    def __init__(
        self,
        now: float,
        *,
        replaced: frozenset[str] = frozenset(),
        wait_for_room: bool = False,
        healthy: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(now, timeout)
        self._replaced = replaced
        self._healthy = healthy
        self._wait_for_room = wait_for_room
        self._first_restarts: dict[str, int] = {}
        self._waiting_since: float | None = None
        self._ready_since: tuple[float, tuple[tuple[str, int], ...]] | None = None

    def _judge(self, task: TaskView, now: float) -> Verdict | None:
        current = self._current(task)
        return (
            self._unprobed(task)
            or _broken(task, current, bool(self._replaced))
            or self._loop(current)
            or self._done(task, current, now)
            or self._unplaced(task, now)
            or self._patience.over(f"task {task.name} is not ready", task.reason, now)
        )

    def _unprobed(self, task: TaskView) -> Verdict | None:
        if not self._healthy or task.spec.health is not None:
            return None
        words = f"task {task.name} has no health check: it is never healthy, only running"
        return Verdict(Exit.USAGE, words)

    def _current(self, task: TaskView) -> list[AllocationView]:
        return [a for a in task.allocations if a.wanted == "run" and a.id not in self._replaced]

    def _loop(self, current: list[AllocationView]) -> Verdict | None:
        for a in current:
            first = self._first_restarts.setdefault(a.id, a.restarts)
            if not a.ready and a.restarts - first >= LOOP_RESTARTS:
                ended = f": {a.reason}" if a.reason else ""
                return Verdict(Exit.FAILED, f"{_place(a)} keeps ending{ended}", a.name)
        return None

    def _done(self, task: TaskView, current: list[AllocationView], now: float) -> Verdict | None:
        # One that leaves a draining node and the one that takes over from it fill one slot.
        good = list({a.slot: a for a in current if a.ready or a.phase == "completed"}.values())
        if len(good) < task.replicas or _leaving(task, current):
            self._ready_since = None
            return None
        if not good:
            return Verdict(Exit.DONE, f"task {task.name} is scaled to 0")
        if all(a.phase == "completed" for a in good):
            return Verdict(Exit.DONE, f"task {task.name} completed")
        if any(a.health is Health.NONE for a in good) and not self._settled(good, now):
            return None
        return Verdict(Exit.DONE, f"task {task.name} is running")

    def _settled(self, good: list[AllocationView], now: float) -> bool:
        runs = tuple(sorted((a.id, a.restarts) for a in good))
        if self._ready_since is None or self._ready_since[1] != runs:
            self._ready_since = (now, runs)
        return now - self._ready_since[0] >= SETTLE_SECONDS

    def _unplaced(self, task: TaskView, now: float) -> Verdict | None:
        slots = _unplaceable(task)
        if not slots or self._wait_for_room:
            self._waiting_since = None
            return None
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < GRACE_SECONDS:
            return None
        return Verdict(Exit.NOT_PLACED, f"{_slots(slots)} cannot be placed now: {slots[0].reason}")


class Removal(_Following):
    """Follows a task until nothing of it is left on any node.

    `ordered`: it was told to stop, so one that runs was started again by someone else.
    """

    def __init__(self, now: float, *, ordered: bool = True, timeout: float | None = None) -> None:
        super().__init__(now, timeout)
        self._ordered = ordered

    def _end(self, task: TaskView | None) -> Verdict | None:
        if task is None or state_word(task) == "stopped":
            return Verdict(Exit.DONE, "stopped")
        if task.goal is Goal.RUN and self._ordered:
            return Verdict(Exit.CONFLICT, f"task {task.name} was started again by someone else")
        return None

    def _judge(self, task: TaskView, now: float) -> Verdict | None:
        return self._patience.over(f"task {task.name} is not stopped", task.reason, now)


class Completion(_Following):
    """Follows a task that ends by itself until it has ended."""

    def __init__(self, now: float, *, timeout: float | None = None) -> None:
        super().__init__(now, timeout)

    def _judge(self, task: TaskView, now: float) -> Verdict | None:
        if task.goal is Goal.RUN and task.state is TaskState.COMPLETED:
            return Verdict(Exit.DONE, f"task {task.name} completed")
        return _broken(task, list(task.allocations), False) or self._patience.over(
            f"task {task.name} has not completed", task.reason, now
        )


class _Story:
    """Tells each change of a slot once."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def changes(self, task: TaskView) -> list[str]:
        lines = [
            f"{_place(a)}: {_phase_words(a)}"
            for a in task.allocations
            if self._news(a.id, (phase_word(a), a.health, a.restarts, _trouble(a)))
        ]
        by_reason: dict[str, list[SlotView]] = {}
        for slot in _unplaceable(task):
            by_reason.setdefault(slot.reason, []).append(slot)
        for reason, slots in by_reason.items():
            news = [self._news(slot.name, (reason,)) for slot in slots]
            if any(news):
                lines.append(f"{_slots(slots)}: waiting: {reason}")
        return lines

    def _news(self, key: str, state: tuple[object, ...]) -> bool:
        if self._told.get(key) == state:
            return False
        self._told[key] = state
        return True


class _Patience:
    """How long is waited, and when the waiting is named."""

    def __init__(self, began: float, timeout: float | None) -> None:
        self._began = began
        self._timeout = timeout
        self._reminded = began

    def over(self, what: str, reason: str, now: float) -> Verdict | None:
        if self._timeout is None or now - self._began < self._timeout:
            return None
        why = f": {reason}" if reason else ""
        return Verdict(Exit.TIMED_OUT, f"{what} after {duration(self._timeout)}{why}")

    def reminder(self, task: TaskView, now: float) -> list[str]:
        if now - self._reminded < REMINDER_SECONDS:
            return []
        self._reminded = now
        why = task.reason or f"{task.ready} of {task.replicas} ready"
        return [f"{task.name}: still waiting after {duration(now - self._began)}: {why}"]


def _broken(task: TaskView, current: list[AllocationView], replacing: bool) -> Verdict | None:
    if task.goal is Goal.STOP:
        return Verdict(Exit.FAILED, f"task {task.name} was stopped by someone else")
    for a in current:
        probed = a.failure is not None and a.failure.kind is FailureKind.UNHEALTHY
        if a.health is Health.UNHEALTHY or (probed and not a.ready):
            return Verdict(Exit.UNHEALTHY, f"{_place(a)} is unhealthy{_because(a)}", a.name)
    for a in current:
        if a.phase == "failed":
            return Verdict(Exit.FAILED, f"{_place(a)} failed{_because(a)}", a.name)
    if task.state is TaskState.FAILED and not replacing:
        return Verdict(Exit.FAILED, f"task {task.name} failed: {task.reason}")
    return None


def _leaving(task: TaskView, current: list[AllocationView]) -> bool:
    return any(a not in current and a.phase not in ENDED for a in present(task.allocations))


def _unplaceable(task: TaskView) -> list[SlotView]:
    # A slot whose old container is still stopping waits for that, not for a node.
    leaving = {a.slot for a in present(task.allocations) if a.phase not in ENDED}
    return [slot for slot in task.waiting if slot.slot not in leaving]


def _because(allocation: AllocationView) -> str:
    reason = _reason(allocation)
    if not reason and allocation.failure:
        reason = allocation.failure.message
    return f": {reason}" if reason and reason != "unhealthy" else ""


def _reason(allocation: AllocationView) -> str:
    """The reason without the words that the line begins with anyway."""
    reason = allocation.reason
    for word in ("stopping: ", "starting: ", "unhealthy: "):
        reason = reason.removeprefix(word)
    return reason


def _place(allocation: AllocationView) -> str:
    return f"{allocation.name} on {allocation.node}"


def _slots(slots: Iterable[SlotView]) -> str:
    first, *others = slots
    return f"{first.name} and {plural(len(others), 'other slot')}" if others else first.name


def _trouble(allocation: AllocationView) -> str:
    """What keeps it from starting just now; a running one shows what ended the run before."""
    return (
        "" if allocation.phase == "running" or not allocation.failure else allocation.failure.kind
    )


def _phase_words(allocation: AllocationView) -> str:
    word = phase_word(allocation)
    if word == "running" and allocation.health is not Health.NONE:
        word = f"running, {allocation.health.value}"
    reason = _reason(allocation)
    if word == "assigned" or reason in ("", word, allocation.health.value):
        return word
    return f"{word}: {reason}"
