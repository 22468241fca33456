"""A ledger that survives its manager: commits in order, each whole or not at all, and a disk that can be full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cube.core.effects import Snapshot, Writes
from cube.model.allocation import Allocation
from cube.model.ids import AllocationId, NodeId, TaskId
from cube.model.lineage import Lineage
from cube.model.node import Node
from cube.model.task import Task
from tests.simulation.faults import Air
from tests.simulation.schedule import Process, Schedule

CLUSTER_ID = "c1"
BACKUPS_KEPT = 12
BACKUP_EVERY = 4  # commits
EPOCH = 1_700_000_000.0

RECORDS = ("tasks", "allocations", "nodes", "requests")

Key = TypeVar("Key")
Kept = TypeVar("Kept")


class Reply(msgspec.Struct, frozen=True):
    """What a user is told. 200: done, with the task's revision; 4xx: refused for good; 5xx: try again."""

    status: int
    task_id: str = ""
    revision: int = 0


class Commit(msgspec.Struct):
    """One transaction on its way to the disk. `cause` is the user's request behind it, known to nobody but us."""

    writes: Writes
    request: tuple[str, Reply] | None
    cause: str
    done: Callable[[], None]
    failed: Callable[[], None]


class Ledger:
    """What is recorded, and how recording goes wrong. `recorded` is told of every commit before it is applied."""

    def __init__(
        self, schedule: Schedule, air: Air, recorded: Callable[[Commit, Ledger], None]
    ) -> None:
        self.tasks: dict[TaskId, Task] = {}
        self.allocations: dict[AllocationId, Allocation] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.requests: dict[str, Reply] = {}
        self.lineage = Lineage()
        self.revision = 0
        self.commits = 0
        self.full = False
        self.crash: str = ""  # "before" or "after" the next commit is written
        self.kill: Callable[[], None] = lambda: None
        self._backups: deque[dict[str, Any]] = deque(maxlen=BACKUPS_KEPT)
        self._failing = False  # since one failed, none behind it is tried
        self._last = 0.0
        self._schedule = schedule
        self._air = air
        self._recorded = recorded

    def open(self) -> Snapshot:
        """Return what a manager begins with."""
        self._failing = False
        return self.load()

    def load(self) -> Snapshot:
        """Return all that is recorded."""
        return Snapshot(
            cluster_id=CLUSTER_ID,
            revision=self.revision,
            lineage=self.lineage,
            tasks=list(self.tasks.values()),
            allocations=list(self.allocations.values()),
            nodes=list(self.nodes.values()),
        )

    def recover(self) -> bool:
        """Take commits again, if there is room."""
        self._failing = self._failing and self.full
        return not self.full

    def commit(self, process: Process, commit: Commit) -> None:
        """Record this after everything handed in before."""
        due = max(self._last, self._schedule.now + 0.001 + 0.004 * self._air.random.random())
        self._last = due
        self._schedule.at(due, process.call, self._write, process, commit)

    def _write(self, process: Process, commit: Commit) -> None:
        if self.crash == "before":
            self.crash = ""
            return self.kill()
        if self.full or self._failing:
            self._failing = True
            return process.after(0.0002, commit.failed)
        self._record(commit)
        if self.crash == "after":
            self.crash = ""
            return self.kill()
        return process.after(0.0002, commit.done)

    def _record(self, commit: Commit) -> None:
        self._recorded(commit, self)
        writes = commit.writes
        _fold(self.tasks, writes.tasks)
        _fold(self.allocations, writes.allocations)
        _fold(self.nodes, writes.nodes)
        if writes.lineage is not None:
            self.lineage = writes.lineage
        if writes.events:
            self.revision = writes.events[-1].revision
        if commit.request is not None:
            self.requests[commit.request[0]] = commit.request[1]
        self.commits += 1
        if self.commits % BACKUP_EVERY == 0:
            self._backups.append(self._copy())

    def _copy(self) -> dict[str, Any]:
        records = {name: dict(getattr(self, name)) for name in RECORDS}
        return {**records, "lineage": self.lineage, "revision": self.revision}

    def has_backup(self, nodes: int) -> bool:
        """Whether there is a backup that knows of so many nodes."""
        return any(len(one["nodes"]) >= nodes for one in self._backups)

    def put_back(self, draw: float, nodes: int) -> None:
        """Take up a backup that knows of so many nodes, as `cube manager restore` does."""
        backups = [one for one in self._backups if len(one["nodes"]) >= nodes]
        for name, value in backups[int(draw * len(backups))].items():
            setattr(self, name, dict(value) if name in RECORDS else value)
        now_ms = round((EPOCH + self._schedule.now) * 1000)
        self.lineage = self.lineage.put_back(self.revision, now_ms=now_ms)
        self.revision = self.lineage.revision


def _fold(records: dict[Key, Kept], written: dict[Key, Kept | None]) -> None:
    for key, record in written.items():
        if record is None:
            records.pop(key, None)
        else:
            records[key] = record
