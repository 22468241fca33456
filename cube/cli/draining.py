"""Following the drain of a node to a verdict. Pure: views and seconds in; lines for people and an exit code out."""

from __future__ import annotations

from cube.cli.exits import Exit
from cube.cli.follow import REMINDER_SECONDS, Verdict
from cube.cli.tables import phase_word
from cube.cli.words import duration
from cube.core.words import listed, plural
from cube.model.node import Availability
from cube.wire.views import DrainView, LeaverView

BLOCKED_SECONDS = 3.0
"""So long nothing moves before it is said that nothing will: what leaves the node may make room for the next."""


class Draining:
    """Follows a drain until nothing that runs is left on the node, or nothing of it can leave."""

    def __init__(
        self, now: float, *, wait_for_room: bool = False, timeout: float | None = None
    ) -> None:
        self.verdict: Verdict | None = None
        self._wait_for_room = wait_for_room
        self._timeout = timeout
        self._began = self._reminded = now
        self._blocked_since: float | None = None
        self._view: DrainView | None = None
        self._told: dict[str, tuple[object, ...]] = {}

    def see(self, view: DrainView | None, now: float) -> list[str]:
        """Take in a view (None: the node is no more); return what changed."""
        if view is None:
            self.verdict = self.verdict or Verdict(Exit.FAILED, "the node was removed")
            return []
        lines = self._departures(view) + [
            line for one in view.left if (line := self._news(one)) is not None
        ]
        self._view = view
        return lines + self.tick(now)

    def tick(self, now: float) -> list[str]:
        """Judge the last view at this second."""
        if self._view is None or self.verdict is not None:
            return []
        self.verdict = self._judge(self._view, now)
        return [] if self.verdict else self._reminder(self._view, now)

    def _judge(self, view: DrainView, now: float) -> Verdict | None:
        if view.availability is not Availability.DRAINING:
            words = (
                f"node {view.node} is {view.availability} again: someone else has ended the drain"
            )
            return Verdict(Exit.CONFLICT, words)
        if not view.left:
            return Verdict(
                Exit.DONE, f"node {view.node} is drained: nothing that runs is left on it"
            )
        if blocked := self._blocked(view, now):
            return blocked
        if self._timeout is not None and now - self._began >= self._timeout:
            words = f"node {view.node} is not drained after {duration(self._timeout)}"
            return Verdict(
                Exit.TIMED_OUT, f"{words}: {listed([one.name for one in view.left])} left"
            )
        return None

    def _blocked(self, view: DrainView, now: float) -> Verdict | None:
        """Return the verdict on a drain of which nothing moves any more and which has no deadline."""
        # Of those behind the first few it is not looked up: queued without a reason, they say nothing.
        told = {one.step for one in view.left if one.reason or one.step != "queued"}
        stands = told == {"blocked"}
        if not stands or view.deadline_at is not None or self._wait_for_room:
            self._blocked_since = None
            return None
        if self._blocked_since is None:
            self._blocked_since = now
        if now - self._blocked_since < BLOCKED_SECONDS:
            return None
        names = listed([one.name for one in view.left])
        reason = next(one.reason for one in view.left if one.step == "blocked")
        return Verdict(Exit.NOT_PLACED, f"{names} cannot leave {view.node}: {reason}")

    def _departures(self, view: DrainView) -> list[str]:
        still = {one.allocation_id for one in view.left}
        before = self._view.left if self._view else ()
        return [f"{one.name}: {_gone(one)}" for one in before if one.allocation_id not in still]

    def _news(self, one: LeaverView) -> str | None:
        relief = one.relief
        state = (one.step, one.reason, phase_word(relief) if relief else "")
        if self._told.get(one.allocation_id) == state:
            return None
        self._told[one.allocation_id] = state
        if relief is not None:
            reason = f": {relief.reason}" if relief.reason else ""
            return f"{one.name}: takes over on {relief.node}: {phase_word(relief)}{reason}"
        words = {"blocked": "cannot leave: ", "stopping": "stopping: "}.get(one.step, "")
        return f"{one.name}: {words}{one.reason}" if one.reason else None

    def _reminder(self, view: DrainView, now: float) -> list[str]:
        if now - self._reminded < REMINDER_SECONDS:
            return []
        self._reminded = now
        left = plural(len(view.left), "replica")
        return [f"{view.node}: still draining after {duration(now - self._began)}: {left} left"]


def _gone(one: LeaverView) -> str:
    return f"runs on {one.relief.node} now" if one.relief else "has left"


def what_helps(view: DrainView) -> list[str]:
    """Return what helps those that cannot leave, each said once, and what ends the drain in any case."""
    hints = list(dict.fromkeys(one.hint for one in view.left if one.hint))
    return [
        *hints,
        f"stop what is left: cube node drain {view.node} --force (or --deadline 10m)",
        f"give up: cube node uncordon {view.node}",
    ]
