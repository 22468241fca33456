"""The derived states of tasks as they were last told, and the settled tasks that are to be forgotten in time."""

from __future__ import annotations

from collections.abc import Iterable

from cube.core.changes import Announce, Change, ForgetTask
from cube.core.cluster import Cluster
from cube.core.roster import settled
from cube.core.summary import reason_of, state_of
from cube.model.event import EventKind
from cube.model.ids import TaskId
from cube.model.task import TaskState
from cube.model.timing import Instant, Timing


class States:
    """Remembers what was told, so that each change of a state is told once. Rebuilt from the cluster at start."""

    def __init__(self, cluster: Cluster, timing: Timing) -> None:
        self._cluster = cluster
        self._timing = timing
        self._told: dict[TaskId, TaskState] = {}
        # Settled tasks in the order of their stopping, since when.
        self._settled: dict[TaskId, int] = {}
        for task in sorted(cluster.tasks.values(), key=lambda task: task.changed_ms):
            self._told[task.id] = state_of(task, cluster.rosters[task.id])
            if settled(task, cluster.rosters[task.id]):
                self._settled[task.id] = task.changed_ms

    def begin_again(self, task_id: TaskId) -> None:
        """The task was changed by its user: whatever it had settled to is over."""
        self._settled.pop(task_id, None)

    def news(self, touched: Iterable[TaskId], now: Instant) -> list[Change]:
        """Return what is to be told of tasks of which something changed, and take it for told."""
        news: list[Change] = []
        for task_id in touched:
            task = self._cluster.tasks[task_id]
            roster = self._cluster.rosters[task_id]
            state = state_of(task, roster)
            if settled(task, roster) and task_id not in self._settled:
                self._settled[task_id] = now.wall_ms
            if state is not self._told.get(task_id):
                self._told[task_id] = state
                reason = reason_of(task, self._cluster, now.wall_ms)
                words = f"{state}: {reason}" if reason else state.value
                news.append(Announce(EventKind.TASK_STATE, words, task_id, code=state.value))
        return news

    def too_old(self, now: Instant) -> list[Change]:
        """Return which tasks to forget: those stopped long ago, and the oldest when there are very many."""
        oldest = now.wall_ms - self._timing.stopped_task_kept * 1000
        forgotten: list[Change] = []
        while self._settled:
            task_id, since = next(iter(self._settled.items()))
            if since >= oldest and len(self._settled) <= self._timing.stopped_tasks_kept:
                break
            del self._settled[task_id]
            self._told.pop(task_id, None)
            forgotten.append(ForgetTask(task_id))
        return forgotten

    def next_due(self, now: Instant) -> float | None:
        """Return the monotonic second at which the next task is to be forgotten; None: no task is settled."""
        for since in self._settled.values():
            left = since / 1000 + self._timing.stopped_task_kept - now.wall_ms / 1000
            return now.monotonic + max(left, 1.0)
        return None
